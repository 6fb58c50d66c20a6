"""Guesses of how a table is to be read: a CSV or XLSX file of which nobody said which column is which.

A guess is settings (`ImportSettings`), no reading of its own: the importer of tables reads the file by them, as
it does by those in a config. So a run with a guess and a run with the config that was made of it can't differ.

`headers` finds the header, `words` and `presets` know what columns are called, `columns` gives each field its
column, `trials` reads the file by every way that is left, and `guess` takes one or refuses. A reading is only
taken where its entries balance, and refused where something is left that the file doesn't decide. The worst
that can happen is a wrong reading that nobody notices; a refusal says what to set.
"""

from jet.books.importers.guessing.guess import Guess, Undecided, guess

__all__ = ["Guess", "Undecided", "guess"]
