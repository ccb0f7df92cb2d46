"""Play ManiSkill as a cell would: what each dimension changes and what it leaves; experts; one scene of many."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pytest_robustplus.benchmarks.contract import Simulator
from pytest_robustplus.benchmarks.maniskill.benchmark import ManiSkill, ManiSkillTwoArms
from pytest_robustplus.benchmarks.maniskill.catalogue import wording
from pytest_robustplus.benchmarks.maniskill.expert import SOLUTIONS
from pytest_robustplus.benchmarks.maniskill.protocol import ManiSkillProtocol
from pytest_robustplus.benchmarks.maniskill.scenes import ManiSkillScenes
from pytest_robustplus.benchmarks.maniskill.simulator import ManiSkillSimulator
from pytest_robustplus.benchmarks.maniskill.tasks import DIMENSIONS, listed
from pytest_robustplus.errors import BadInputError
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.policies.contract import Observation
from pytest_robustplus.policies.zero import Zero
from pytest_robustplus.rollout.batch import Batch
from pytest_robustplus.rollout.episode import play

# What differs from the unperturbed episode of the same seed: the first picture, the last state.
CHANGES = {
    Dimension.CAMERA: (True, False),
    Dimension.ROBOT: (True, True),
    Dimension.LANGUAGE: (False, False),
    Dimension.LIGHT: (True, False),
    Dimension.BACKGROUND: (True, False),
    Dimension.NOISE: (True, False),
}
STEPS = 24
SEED = 3


def main() -> None:
    for benchmark, base in ((ManiSkill({}), "PickCube-v1"), (ManiSkillTwoArms({}), "TwoRobotPickCube-v1")):
        dimensions(benchmark, base)
    experts(ManiSkill({}))
    depth()
    together()
    refusals()
    print("ManiSkill plays as it should")


def dimensions(benchmark: ManiSkill, base: str) -> None:
    profile = replace(benchmark.profile, horizons={base: STEPS})
    simulator = benchmark.simulator(profile, benchmark.protocol(profile))
    policy = benchmark.script("zero")
    assert isinstance(policy, Zero)

    def played(dimension: Dimension) -> tuple[list[Observation], str, str]:
        seen: list[Observation] = []

        class Watching(Zero):
            def act(self, observations):  # type: ignore[no-untyped-def]
                seen.extend(observations)
                return [np.repeat(chunk, profile.replan, 0) for chunk in policy.act(observations)]

        episode = play(simulator, Watching(), listed(base, dimension, SEED), profile)
        assert episode.steps == STEPS
        assert episode.looks == STEPS / profile.replan
        return seen, episode.state_hash, episode.instruction

    plain, state, words = played(Dimension.ORIGINAL)
    assert words == wording(base)
    assert {name: value.size for name, value in plain[0].state.items()} == dict(benchmark.sensors)
    assert all(image.shape == (128, 128, 3) and image.std() > 5 for image in plain[0].images.values())
    for dimension, (looks, moves) in CHANGES.items():
        seen, end, told = played(dimension)
        before, after = (observation.images["base_camera"] for observation in (plain[0], seen[0]))
        assert np.array_equal(before, after) is not looks, dimension
        assert (end != state) is moves, dimension
        assert (told != words) is (dimension is Dimension.LANGUAGE), dimension
    again, end, _ = played(Dimension.ORIGINAL)
    assert end == state
    assert all(
        np.array_equal(then.images[name], now.images[name])
        for then, now in zip(plain, again, strict=True)
        for name in then.images
    ), "a perturbation has left something behind"
    print(f"{base}: {', '.join(DIMENSIONS)}", dict(simulator.provenance()), flush=True)
    simulator.close()


def experts(benchmark: ManiSkill) -> None:
    profile = replace(benchmark.profile, cameras=(), replan=1)
    simulator = benchmark.simulator(profile, benchmark.protocol(profile))
    for base in SOLUTIONS:
        tasks = [listed(base, Dimension.ORIGINAL, seed) for seed in range(8)]
        solved = [play(simulator, benchmark.script("expert"), task, profile).success for task in tasks]
        replayed = play(simulator, benchmark.script("demo_replay"), tasks[0], profile)
        print(
            f"{base}: the expert solves {sum(solved)} of {len(solved)}; its first, replayed: {replayed.success}",
            flush=True,
        )
        assert sum(solved) >= 7
    simulator.close()


def depth() -> None:
    """One scene alone and one of many measure the same, and the cube's pixels lie where the cube is."""
    benchmark = ManiSkill({})
    profile = replace(benchmark.profile, depth=benchmark.profile.cameras)
    task = listed("PickCube-v1", Dimension.ORIGINAL, SEED)
    simulator = benchmark.simulator(profile, benchmark.protocol(profile))
    assert isinstance(simulator, ManiSkillSimulator)
    simulator.reset(task)
    seen = simulator.observe()
    scenes = ManiSkillScenes(ManiSkillProtocol(), 1, profile.cameras, profile.frame_size, 7, profile.depth)
    scenes.reset({0: task})
    (other,) = scenes.observe([0])
    for name, metres in seen.depth.items():
        assert metres.shape == profile.frame_size
        assert metres.dtype == np.float32
        assert np.abs(metres - other.depth[name]).max() < 2e-3
    image, metres = seen.images["base_camera"], seen.depth["base_camera"]
    world = simulator.world
    sensor = world.env._sensors["base_camera"].get_params()
    inverse = np.linalg.inv(sensor["intrinsic_cv"][0].cpu().numpy())
    extrinsic = sensor["extrinsic_cv"][0].cpu().numpy()
    row, column = np.mgrid[: metres.shape[0], : metres.shape[1]] + 0.5
    rays = np.stack([column, row, np.ones(metres.shape)], -1) @ inverse.T
    places = (rays * metres[..., None] - extrinsic[:3, 3]) @ extrinsic[:3, :3]
    red = (image[..., 0] > 120) & (image[..., 1] < 60) & (image[..., 2] < 60)
    cube = world.env.cube.pose.p[0].cpu().numpy()
    assert red.any()
    assert np.linalg.norm(places[red] - cube, axis=1).max() < 0.05, (places[red].mean(axis=0), cube)
    scenes.close()
    simulator.close()
    print(f"depth puts {red.sum()} pixels of the cube where it is", flush=True)


def together() -> None:
    """One scene on the processor by the way of many on a card: placed by another one, and solved in as many steps."""
    benchmark = ManiSkill({})
    profile = replace(benchmark.profile, cameras=(), replan=1)
    simulator = benchmark.simulator(profile, benchmark.protocol(profile))
    batch = Batch(ManiSkillScenes(ManiSkillProtocol(), 1, (), (128, 128), 7), benchmark.script("expert"), profile)
    for dimension in (Dimension.ORIGINAL, Dimension.ROBOT):
        task = listed("PickCube-v1", dimension, SEED)
        batch.start(0, task)
        (outcome,) = batch.wait(600.0)
        alone = play(simulator, benchmark.script("expert"), task, profile)
        assert outcome.episode is not None, outcome.error
        assert (outcome.episode.success, outcome.episode.steps) == (True, alone.steps)
    batch.close()
    simulator.close()
    print("one scene of many plays as one alone", flush=True)


def refusals() -> None:
    for benchmark, base, said in (
        (ManiSkill({"tasks": "PickSingleYCB-v1"}), "PickSingleYCB-v1", "needs the assets ycb"),
        (ManiSkill({"tasks": "PickCub-v1"}), "PickCub-v1", "PickCube-v1"),
        (ManiSkill({"control": "pd_nothing"}), "PickCube-v1", "control=pd_nothing"),
        (ManiSkill({"control": "pd_joint_pos"}), "PickCube-v1", "8 wide"),
    ):
        profile = replace(benchmark.profile, cameras=())
        message = complaint(benchmark.simulator(profile, benchmark.protocol(profile)), base)
        assert said in message, message
        print(f"refused, as it has to be: {message}", flush=True)


def complaint(simulator: Simulator, base: str) -> str:
    try:
        simulator.reset(listed(base, Dimension.ORIGINAL, 0))
    except BadInputError as error:
        return str(error)
    return f"{base} was played"


if __name__ == "__main__":
    main()
