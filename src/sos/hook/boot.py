"""Start of the hook under `python -I -S`: no site-packages but our own, no module that is not needed."""

import os
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from sos.hook.run import main  # the path must be there first

try:
    main(sys.argv[1:])
except BaseException:  # noqa: BLE001  # the outermost line: whatever comes this far, the agent's turn goes on
    os._exit(0)
os._exit(0)
