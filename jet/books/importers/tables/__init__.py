"""The parts of the importer of tables: from the text of a file to rows, and from rows to entries.

A file is read twice. `survey` finds what no single row shows: the decimal mark, the meaning of the words for
sides, whether amounts are signed, and which ids have rows that lie apart. Then `entries` reads the entries.
"""
