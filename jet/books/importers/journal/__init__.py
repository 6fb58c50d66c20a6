"""Plain-text journals of ledger and hledger, two programs with one language and two readings of it.

| file | idea |
|---|---|
| `importer` | files, what they include, and what becomes of each line |
| `dialects` | by whose rules a journal is read |
| `numbers` | how each program reads a number |
| `syntax` | the first line and the postings of a transaction, taken apart |
| `directives` | what directives say, and which aren't followed |
| `state` | what was said so far for the entries that follow |
| `names` | aliases, applied names, the chart |
| `balancing` | what postings are worth, and how exactly they balance |
| `balances` | amounts that are given by the balance they lead to |
| `entries` | from a transaction to an entry |
| `includes` | which files an include stands for, and which files others include |

Notable: virtual postings in parentheses don't take part in the balance and are left out; a zero posting has no
side and makes no line. The line of a posting with a price has the cost as its amount.
"""

from jet.books.importers.journal.importer import LedgerImporter
from jet.books.importers.journal.includes import Includes, includes_of
from jet.books.importers.journal.names import MOST_LEVELS

__all__ = ["MOST_LEVELS", "Includes", "LedgerImporter", "includes_of"]
