"""A check that DVC's cache can be written."""

import os
from pathlib import Path

from dvc.config import Config, ConfigError

from stages.runtime.errors import UserError


def check() -> None:
    """Check that DVC's cache can be written; it may belong to another user.

    Without this check, DVC would only fail after the training.

    Raises:
        UserError: the cache cannot be written.
    """
    try:
        config = Config.from_cwd()
    except ConfigError:  # DVC itself reports it
        return
    if config.dvc_dir is None:  # not in a DVC repository
        return
    cache = Path(config["cache"].get("dir") or Path(config.dvc_dir, "cache"))
    # Beside the folders there are files for moments, in which another process of DVC's tries what it can do.
    for folder in (cache, *cache.glob("files/md5/"), *cache.glob("files/md5/??/"), *cache.glob("runs/")):
        if folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK):
            raise UserError(
                f"{folder}: DVC's cache cannot be written; have its owner share it (dvc config cache.shared "
                "group, chmod -R g+rwX), or use one of your own: dvc cache dir --local PATH"
            )
