import torch

from stages.gan.evaluation import baselines


def test_noise_images_have_uniform_pixels(images):
    noise = baselines.noise(images.samples, 300)
    assert noise.shape == (300, 1, 8, 8)
    assert noise.dtype == torch.uint8
    assert (noise.min(), noise.max()) == (0, 255)
    assert abs(noise.double().mean() - 127.5) < 2
    assert torch.equal(noise, baselines.noise(images.samples, 300))


def test_noise_points_fill_a_box_half_as_wide_again():
    real = torch.tensor([[0.0, -10.0], [4.0, 10.0], [1.0, 0.0]])
    noise = baselines.noise(real, 2000)
    assert noise.shape == (2000, 2)
    assert noise.dtype == torch.float32
    low, high = torch.tensor([-1.0, -15.0]), torch.tensor([5.0, 15.0])
    assert (noise >= low).all()
    assert (noise <= high).all()
    assert ((noise.amax(0) - noise.amin(0)) > 0.99 * (high - low)).all()


def test_every_score_but_the_verdict_gets_two_baselines():
    scores = {"fid_judge": 3.0, "collapsed": 0}
    found = baselines.with_baselines(
        scores, {"fid_judge": 1.0, "collapsed": 0}, {"fid_judge": 9.0, "collapsed": 1}
    )
    assert found == scores | {"fid_judge_real": 1.0, "fid_judge_noise": 9.0}
