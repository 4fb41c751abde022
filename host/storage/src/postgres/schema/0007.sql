-- Writes take turns by locks on this table. It has no columns: its rights let nobody store anything.

CREATE TABLE task_host.turns ();
