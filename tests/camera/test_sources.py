"""Schedules, the pan over a photo, and a video file."""

import sys

import numpy as np
import pytest

from workbook.camera.run_stream import stream
from workbook.camera.scenes import PHOTOS, SIGMA
from workbook.lessons.streaming import Modelled, Pan, Video, camera, cameras, poisson, psnr


class TestSchedules:
    def test_a_camera(self):
        source = camera(90)
        assert source.count == 90
        frames = list(source)
        assert [frame.index for frame in frames] == list(range(90))
        assert frames[-1].scheduled == pytest.approx(89 / 30)
        assert frames[0].payload is None
        assert source.format is None

    def test_jitter_is_bounded_and_keeps_the_order(self):
        steady, jittering = camera(500).times, camera(500, jitter=0.016, seed=2).times
        assert (np.diff(jittering) > 0).all()
        shift = jittering - steady
        assert np.ptp(shift) <= 0.032
        assert np.ptp(shift) > 0.030
        assert jittering[0] >= 0

    def test_the_same_seed_is_the_same_schedule(self):
        np.testing.assert_array_equal(poisson(50, 10, seed=4).times, poisson(50, 10, seed=4).times)
        assert (poisson(50, 10, seed=4).times != poisson(50, 10, seed=5).times).all()

    def test_cameras_in_phase_come_together(self):
        source = cameras(3, 2, 1.0)
        assert source.times.tolist() == [0, 0, 0, 1, 1, 1]
        assert source.cameras.tolist() == [0, 1, 2, 0, 1, 2]

    def test_cameras_out_of_phase_are_evenly_spread(self):
        np.testing.assert_allclose(cameras(4, 3, 1.0, in_phase=False).times, np.arange(12) / 4)

    def test_records_name_the_camera(self):
        records = stream(cameras(2, 3, 1.0), Modelled(0, 0)).records
        assert records["camera"].tolist() == [0, 1] * 3

    def test_poisson_gaps_have_their_mean_and_spread(self):
        gaps = np.diff(poisson(20_000, 50.0).times)
        assert gaps.mean() == pytest.approx(0.02, rel=0.03)
        assert gaps.std() == pytest.approx(0.02, rel=0.03)

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: camera(0), "frames=0"),
            (lambda: camera(3, fps=-1), "fps=-1"),
            (lambda: camera(3, fps=30, jitter=0.02), "less than half the period, 0.01667 s"),
            (lambda: cameras(0, 3), "count=0"),
            (lambda: poisson(3, float("nan")), "rate=nan"),
        ],
    )
    def test_bad_numbers(self, make, message):
        with pytest.raises(ValueError, match=message):
            make()


class TestPan:
    def test_truth_is_a_part_of_the_photo_and_moves(self):
        from skimage.data import astronaut

        pan = Pan((40, 60), speed=(3, 5))
        image, truth = pan(7)
        expected = astronaut()[21:61, 35:95].transpose(2, 0, 1) / np.float32(255)
        np.testing.assert_array_equal(truth, expected)
        assert image.shape == pan.format.shape == (3, 40, 60)
        assert image.dtype == pan.format.dtype == np.float32

    def test_noise_is_what_was_asked_for(self):
        image, truth = Pan((200, 200))(3)
        noise = image - truth
        assert noise.std() == pytest.approx(SIGMA, rel=0.02)
        assert abs(noise.mean()) < 0.001
        assert psnr(image, truth) == pytest.approx(-20 * np.log10(SIGMA), abs=0.2)

    def test_every_frame_has_other_noise_and_every_run_the_same(self):
        pan = Pan((40, 60), speed=(0, 0))
        assert (pan(0)[0] != pan(1)[0]).mean() > 0.99
        np.testing.assert_array_equal(pan(5)[0], Pan((40, 60), speed=(0, 0))(5)[0])

    def test_it_turns_at_the_border(self):
        pan = Pan((500, 512), speed=(5, 0))
        tops = [pan(number)[1] for number in range(6)]
        photo = Pan((512, 512), speed=(0, 0))(0)[1]  # it shows all of it
        np.testing.assert_array_equal(tops[2], photo[:, 10:510])
        np.testing.assert_array_equal(tops[3], photo[:, 9:509])  # 12 is the end, so 15 is 9
        np.testing.assert_array_equal(tops[5], photo[:, 1:501])

    @pytest.mark.parametrize("photo", PHOTOS)
    def test_every_photo(self, photo):
        for grey in (True, False):
            image, truth = Pan(photo=photo, grey=grey)(1000)
            assert image.shape == truth.shape == (1 if grey or photo == "camera" else 3, 288, 352)
            assert truth.min() >= 0
            assert truth.max() <= 1

    def test_what_does_not_fit(self):
        with pytest.raises(ValueError, match=r"size=\(600, 352\) is not within the photo 'astronaut' of 512 x 512"):
            Pan((600, 352))
        with pytest.raises(ValueError, match="no photo 'lena'; there are astronaut"):
            Pan(photo="lena")

    def test_frames_carry_it(self):
        frame = list(camera(3, scene=Pan((32, 32))))[2]
        assert frame.payload.shape == frame.truth.shape == (3, 32, 32)


class TestVideo:
    @pytest.fixture
    def path(self, tmp_path):
        imageio = pytest.importorskip("imageio.v3")
        pytest.importorskip("av")
        path = tmp_path / "pan.mp4"
        pan = Pan((48, 64), sigma=0.0)
        pictures = [(pan(number)[1].transpose(1, 2, 0) * 255).round().astype(np.uint8) for number in range(12)]
        imageio.imwrite(path, pictures, plugin="pyav", codec="mpeg4", fps=24)
        return path

    def test_frames_in_the_files_rhythm(self, path):
        video = Video(path)
        frames = list(video)
        assert video.count == len(frames) == 12
        assert [frame.scheduled for frame in frames] == pytest.approx([i / 24 for i in range(12)])
        assert frames[0].payload.shape == video.format.shape == (3, 48, 64)
        assert frames[0].payload.dtype == np.float32
        assert psnr(frames[5].payload, Pan((48, 64), sigma=0.0)(5)[1]) > 25  # it was compressed

    def test_it_runs(self, path):
        run = stream(Video(path, frames=5), Modelled(0.001, 0))
        assert run.summary.done == 5
        assert run.complaints == ()

    def test_more_frames_than_there_are(self, path):
        assert stream(Video(path, frames=50), Modelled(0, 0)).complaints == ("the source ended after 12 of 50 frames",)

    def test_no_video(self, tmp_path):
        pytest.importorskip("av")
        path = tmp_path / "text.mp4"
        path.write_text("this is no video")
        with pytest.raises(ValueError, match=r"text\.mp4: no video that can be read"):
            Video(path)

    def test_no_file(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            Video(tmp_path / "none.mp4")

    def test_without_the_extra(self, tmp_path, monkeypatch):
        (tmp_path / "a.mp4").touch()
        monkeypatch.setitem(sys.modules, "av", None)
        with pytest.raises(ImportError, match=r"pip install 'edge-ai-workbook\[video\]'"):
            Video(tmp_path / "a.mp4")
