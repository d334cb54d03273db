"""Where the files of models and sample clips come from."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fearrefactor.errors import ModelError
from fearrefactor.vision.ultralytics_package import quiet_import


@dataclass(frozen=True)
class WheelMember:
    """A data file inside a wheel of a package index. The package is never installed or imported.

    ``requirement`` names one version, as in ``name==1.0``; ``member`` is a path in the zip.
    """

    requirement: str
    member: str

    @property
    def file_name(self) -> str:
        """What the file is called in the cache."""
        return PurePosixPath(self.member).name

    def fetch(self, folder: Path) -> Path:
        """Download the wheel into ``folder`` and take the member out of it.

        Raises:
            ModelError: pip cannot get the wheel, or the wheel has no such member.
        """
        self._download(folder)
        wheels = list(folder.glob("*.whl"))
        if len(wheels) != 1:
            raise ModelError(f"expected one wheel from pip for {self.requirement}, got {wheels}")
        target = folder / self.file_name
        try:
            with (
                zipfile.ZipFile(wheels[0]) as wheel,
                wheel.open(self.member) as member,
                target.open("wb") as out,
            ):
                shutil.copyfileobj(member, out)
        except (KeyError, zipfile.BadZipFile) as error:
            raise ModelError(f"{self.requirement} has no {self.member}: {error}") from error
        return target

    def _download(self, folder: Path) -> None:
        options = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--no-input"]
        command = [sys.executable, "-m", "pip", "download", "-q", *options]
        done = subprocess.run(
            [*command, "-d", str(folder), self.requirement],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or ["pip said nothing"]
            raise ModelError(f"pip could not download {self.requirement}: {lines[-1]}")


@dataclass(frozen=True)
class UltralyticsAsset:
    """A checkpoint that Ultralytics offers for download, ``name`` without ``.pt``."""

    name: str

    @property
    def file_name(self) -> str:
        """What the file is called in the cache, and at Ultralytics."""
        return f"{self.name}.pt"

    def fetch(self, folder: Path) -> Path:
        """Download the checkpoint into ``folder``.

        Raises:
            ModelError: it cannot be had.
        """
        with quiet_import():
            from ultralytics.utils.downloads import attempt_download_asset

        target = folder / self.file_name
        problem = "Ultralytics has no such file, or its hub cannot be reached"
        cause: Exception | None = None
        try:
            attempt_download_asset(target, progress=False)
        except Exception as error:  # noqa: BLE001 - whatever its downloader raises, raised again below
            problem, cause = f"its hub cannot be reached: {str(error).strip()}", error
        if not target.is_file():
            raise ModelError(
                f"{self.file_name} could not be downloaded from Ultralytics ({problem}); give the "
                "path of a checkpoint that you have, or use the default model"
            ) from cause
        return target


Source = WheelMember | UltralyticsAsset
