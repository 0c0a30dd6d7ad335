"""Redis (7 or later) and Valkey as the store: for many machines, behind a server of ours. Needs the extra `[redis]`."""
