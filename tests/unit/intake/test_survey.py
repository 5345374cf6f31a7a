"""A survey of an upload, before anything is unpacked."""

from __future__ import annotations

from pathlib import Path

from jobs.limits import Limits
from tests.unit.intake.crafted import folder_of, zip_of
from vm_worker.intake.extents import Extent
from vm_worker.intake.survey import Photo, Summary, Survey, list_links, list_upload

LIMITS = Limits()


def test_a_summary_counts_the_usable_photos_of_each_class() -> None:
    classes = ["a"] * 3 + ["b"] * 1_500
    photos = tuple(Photo(str(row), name, None, True, Extent("", 0, 0, 0)) for row, name in enumerate(classes))
    survey = Survey(("a", "b", "c"), photos, (), (), False)
    assert survey.summary([0, 2, 3, 4]) == Summary(
        "4 photos in 3 classes.", (("a", 2), ("b", 2), ("c", 0)), unit="photos"
    )
    assert survey.summary(range(1_503)).sentence == "1,503 photos in 3 classes."
    assert survey.measured([]) == survey


def test_a_zip_and_its_folder_are_listed_alike(tmp_path: Path) -> None:
    files = {"cats/1.jpg": b"meow", "dogs/2.jpg": b"wuff"}
    zipped, folder = zip_of(files, tmp_path / "a.zip"), folder_of(files, tmp_path / "folder")
    (folder / "owls").symlink_to("cats")
    for path in (zipped, folder):
        found = [("/".join(one.parts), one.extent.read()) for one in list_upload(path, LIMITS) if one.extent]
        assert sorted(found) == sorted(files.items())
    assert (list_links(zipped, LIMITS), list_links(folder, LIMITS)) == ([], ["owls"])
