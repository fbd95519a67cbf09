"""Adopt changed code: show on a sample that results stay what they are, and note that.

After a change of code that should change no result (a moved module, a new name, an update of a
library) every stage that it touches would run again. ``microexpr adopt`` recomputes a sample with
the code as it is and compares: one clip per shard and stage, one fold per training, tables and
figures as a whole. Where all of a stage is equal, ``results/adopted.json`` says from then on that
the new code gives what the old code gave. No result is written.
"""
