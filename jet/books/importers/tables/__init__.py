"""What the importer of tables is made of: from the text of a file to rows, from rows to entries.

A file is gone through twice. `survey` finds what no row says by itself: the decimal mark, what the words for
sides mean, whether amounts are signed, and which ids have rows that lie apart. `entries` then reads.
"""
