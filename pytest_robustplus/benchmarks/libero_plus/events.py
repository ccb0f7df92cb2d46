"""What happened in an episode of LIBERO, told by MuJoCo's contacts and LIBERO's own predicates.

While an episode plays, each control step's contacts, forces and positions are only kept (5 µs); what they mean is
worked out once, for all steps together, when the episode is over (about 1 ms).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import mujoco
import numpy as np
from numpy.typing import NDArray

from pytest_robustplus.policies.contract import Actions
from pytest_robustplus.results.events import EpisodeEvents, Event, Failure, Subgoal

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
Geoms = NDArray[np.int32]

# The arm that holds still drifts by 1.3 cm, towards where its controller was told to be (measured, robot tasks).
_MOVED_M = 0.03
# What stands between the fingers was reached, though they may not have touched it; looked for where they were nearest.
_NEAR_M, _LOOKS, _ALONG = 0.005, 8, np.linspace(0, 1, 17)[:, None]
_CORNERS = np.array(list(product((-1.0, 1.0), repeat=3)))
# Further away no box of LIBERO's objects, the largest of which measures 25 cm, can be between the fingers.
_OPEN_M = 0.25
# Contacts come and go while a grip holds; a touch in passing is no grip. Pressed by a finger, a pot left its table for
# 16 steps, by 4 mm.
_GAP_STEPS, _GRIP_STEPS, _LIFT_STEPS, _LIFTED_M = 4, 4, 8, 0.01
# A knocked support went that far or leans that much; plates and baskets are nudged by 3 cm in successes.
_KNOCKED_M, _KNOCKED_COSINE = 0.06, float(np.cos(np.radians(25)))
# Let go that near to the goal, and not from higher, is placed: demonstrations let bowls fall by up to 2.7 cm, and one
# that fell by 4.1 cm onto its plate's rim was labelled placed, too.
_PLACED_M, _FALLEN_M = 0.2, 0.05
# A joint that went that share of its way was moved.
_JOINT_SHARE = 0.1
# What was reached for the first time that shortly before the end was still going on: two seconds.
_LATE_STEPS = 40
_JOINT_LIMIT_RAD = 0.02
_LEFT, _RIGHT, _HAND, _ARM = 1, 2, 4, 8
_STAGES = ("reach", "grasp", "lift")
_JOINT_STAGES = ("reach", "move")


class _Goal(NamedTuple):
    """One conjunct of a task's goal: what it moves and what that goes to, as numbers of ``_Scene.names`` or -1."""

    text: str
    target: int
    support: int
    place: int
    """The site that it goes to, -1 where it goes to an object or fixture itself."""
    joint: int = -1
    edge: float = 0.0
    """The joint's value from which on the conjunct holds."""


_Moment = tuple[Floats, Floats, Geoms, Geoms, Floats, Actions, tuple[bool, ...]]
"""What one control step leaves behind: qpos, where the gripper is, each contact's geoms and its row among the
constraints, their forces, the action, and which conjuncts hold. No class of its own: that takes 1 µs to make."""


class EventMonitor:
    """Watches one scene; ``begin`` with every reset, ``watch`` after every control step, then ``events``."""

    def __init__(self, environment: Any) -> None:
        self._environment = environment
        self._model, self._data = environment.sim.model._model, environment.sim.data._data
        self._goals_stated = environment.parsed_problem["goal_state"]
        model = self._model
        names = [*environment.objects_dict, *environment.fixtures_dict]
        roots = [int(environment.obj_body_id[name]) for name in names]
        self._names = names
        self._movable = len(environment.objects_dict)
        self._free = np.array([_free(model, root) for root in roots[: self._movable]], int)
        owner = np.full(model.nbody, -1)
        owner[roots] = np.arange(len(roots))
        geom_root = model.body_rootid[model.geom_bodyid]
        self._owner = owner[geom_root]
        self._part = _parts(environment, model, geom_root)
        self._fixed = (model.body_weldid[model.geom_bodyid] == 0) & (self._part == 0)
        joints = environment.robots[0]._ref_joint_indexes
        self._joints = np.array(environment.robots[0]._ref_joint_pos_indexes, int)
        self._low, self._high = model.jnt_range[joints].T
        # Views of where MuJoCo keeps them, for the life of its data.
        self._qpos, self._grip = self._data.qpos, self._data.site_xpos[environment.robots[0].eef_site_id]
        pads = environment.robots[0].gripper.important_geoms
        self._pads = [
            mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_GEOM, pads[side][0])
            for side in ("left_fingerpad", "right_fingerpad")
        ]
        self._roots = np.array(roots)
        self._goals = tuple(self._goal(stated) for stated in self._goals_stated)
        self._moments: list[_Moment] = []
        self._scratch: Any = None
        self._hulls: dict[int, Floats] = {}

    def begin(self) -> None:
        """Forget the last episode."""
        self._moments = []

    def met(self) -> tuple[bool, ...]:
        """Which conjuncts of the goal hold now; all of them are LIBERO's success."""
        environment = self._environment
        return tuple([bool(environment._eval_predicate(stated)) for stated in self._goals_stated])

    def watch(self, action: Actions, met: tuple[bool, ...]) -> None:
        """Keep what a control step came to; 5 µs."""
        contact = self._data.contact
        self._moments.append(
            (
                self._qpos.copy(),
                self._grip.copy(),
                contact.geom.copy(),
                contact.efc_address.copy(),
                self._data.efc_force.copy(),
                action,
                met,
            )
        )

    def events(self, steps: int, *, limit: float | None = 1.0) -> EpisodeEvents:
        """Tell what happened in the last ``steps`` control steps; the one before them is how the scene had settled.

        Components of actions beyond ``limit`` are cut off by the controller; None where there is none.
        """
        return _Story(self, self._moments[-steps - 1 :], limit).told()

    def gap(self, qpos: Floats, number: int) -> float:
        """How far outside of an object's hull the line from finger to finger is in a state, metres; 0.1 ms.

        Negative between the fingers. Off the hull's faces, by its edges and corners, it is a little more than this.
        MuJoCo's own ``mj_geomDistance`` says 0 of boxes that are 8 cm apart (3.3.7), so it is not asked.
        """
        model = self._model
        if self._scratch is None:
            self._scratch = mujoco.MjData(model)
        data = self._scratch
        data.qpos[:] = qpos
        mujoco.mj_kinematics(model, data)
        left, right = data.geom_xpos[self._pads]
        line = left + _ALONG * (right - left)
        root = self._roots[number]
        facets = self._facets(number)
        outside = (line - data.xpos[root]) @ data.xmat[root].reshape(3, 3) @ facets[:, :3].T + facets[:, 3]
        return float(outside.max(axis=1).min())

    def _facets(self, number: int) -> Floats:
        """The planes around an object's solid parts: ``normal · x + offset``, positive outside, in its root's frame.

        Of its hull, not of its box: a bottle's neck is far thinner than its box, and within a bowl is within it.
        """
        if number not in self._hulls:
            from scipy.spatial import ConvexHull  # by now robosuite has imported it; importing this module shall not

            model, data = self._model, self._scratch
            geoms = np.flatnonzero((self._owner == number) & ((model.geom_contype | model.geom_conaffinity) > 0))
            middle, half = model.geom_aabb[geoms, None, :3], model.geom_aabb[geoms, None, 3:]
            turns = data.geom_xmat[geoms].reshape(-1, 3, 3)
            corners = np.einsum("gij,gcj->gci", turns, middle + _CORNERS * half) + data.geom_xpos[geoms, None]
            root = self._roots[number]
            own = (corners.reshape(-1, 3) - data.xpos[root]) @ data.xmat[root].reshape(3, 3)
            self._hulls[number] = ConvexHull(own).equations
        return self._hulls[number]

    def _goal(self, stated: Sequence[str]) -> _Goal:
        environment = self._environment
        text = " ".join(stated)
        target, _ = self._named(stated[1])
        if len(stated) == 3:
            support, site = self._named(stated[2])
            return _Goal(text, target, support, site)
        joint, edge = self._articulation(stated[0], stated[1], environment)
        return _Goal(text, target, -1, -1, joint, edge)

    def _named(self, name: str) -> tuple[int, int]:
        """The object or fixture of that name, or which the site of that name belongs to, and that site."""
        if name in self._names:
            return self._names.index(name), -1
        sites = self._environment.object_sites_dict
        site = mujoco.mj_name2id(self._model, mujoco.mjtObj.mjOBJ_SITE, name)
        parent = sites[name].parent_name if name in sites else ""
        return (self._names.index(parent) if parent in self._names else -1), site

    def _articulation(self, predicate: str, name: str, environment: Any) -> tuple[int, float]:
        sites = environment.object_sites_dict
        owner = environment.get_object(sites[name].parent_name) if name in sites else environment.get_object(name)
        joints = sites.get(name, owner).joints
        joint = mujoco.mj_name2id(self._model, mujoco.mjtObj.mjOBJ_JOINT, joints[0])
        low, high = owner.object_properties["articulation"][f"default_{predicate}_ranges"]
        return joint, (low + high) / 2


@dataclass(slots=True)
class _Course:
    """How one conjunct fared: the step of each stage (0: never), whether it held once, and how it failed."""

    goal: _Goal
    stages: tuple[tuple[str, int], ...]
    first_met: int
    holds: bool
    failure: Failure
    rank: int


class _Story:
    """The moments of one episode as matrices of shape (steps, objects); row 0 is the settled scene."""

    def __init__(self, monitor: EventMonitor, moments: Sequence[_Moment], limit: float | None) -> None:
        self._monitor, self._limit = monitor, limit
        count = len(moments)
        self.last = count - 1
        qpos, grip, geoms, rows, forces, actions, met = zip(*moments, strict=True)
        # Joined, then folded: a third of the time that np.array takes for a list of arrays.
        self.grip = np.concatenate(grip).reshape(count, -1)
        self.qpos = np.concatenate(qpos).reshape(count, -1)
        self.actions = np.concatenate(actions).reshape(count, -1)
        self.met = np.array(met, bool).reshape(count, -1)
        starts = monitor._free
        self.places = self.qpos[:, starts[:, None] + np.arange(3)] if len(starts) else np.zeros((count, 0, 3))
        self._contacts(geoms, rows, forces)

    def _contacts(self, geoms_of: Sequence[Geoms], rows_of: Sequence[Geoms], forces_of: Sequence[Floats]) -> None:
        monitor, count = self._monitor, len(geoms_of)
        when = np.repeat(np.arange(count), list(map(len, geoms_of)))
        geoms = np.concatenate(geoms_of)
        first, second = monitor._part[geoms[:, 0]], monitor._part[geoms[:, 1]]
        robot = np.flatnonzero((first > 0) != (second > 0))
        at = when[robot]
        other = np.where(first[robot] > 0, geoms[robot, 1], geoms[robot, 0])
        part = np.maximum(first[robot], second[robot])
        rows = np.concatenate(rows_of)[robot]
        offsets = np.cumsum([0, *map(len, forces_of[:-1])])
        forces = np.concatenate(forces_of)
        pressed = np.where(rows >= 0, forces[np.minimum(np.maximum(rows, 0) + offsets[at], len(forces) - 1)], 0.0)
        total = np.bincount(at, weights=pressed, minlength=count)
        self.peak_force = float(total[1:].max(initial=0.0))
        self.against = int(np.unique(at[monitor._fixed[other] & (at > 0)]).size)
        owner = monitor._owner[other]
        self.touched = np.zeros((3, count, len(monitor._names) + 1), bool)
        for row, bit in enumerate((_LEFT, _RIGHT, _LEFT | _RIGHT | _HAND)):
            chosen = (part & bit) > 0
            self.touched[row, at[chosen], owner[chosen]] = True
        self.touching_geoms = (at, other, part)
        self.supported = np.zeros((count, len(monitor._names) + 1), bool)
        if self.touched[2].any():  # nobody asks what carries an object that the gripper let be
            resting = np.flatnonzero((first | second) == 0)
            for side in (0, 1):
                self.supported[when[resting], monitor._owner[geoms[resting, side]]] = True

    def told(self) -> EpisodeEvents:
        monitor = self._monitor
        touched = np.flatnonzero(self.touched[2, :, : monitor._movable].any(axis=0)).tolist()
        self.lifts = {number: self._lift(number) for number in touched}
        self.held = {number: held for number in touched if (held := self._hold(number)).any()}
        courses = [self._course(goal, self.met[:, column]) for column, goal in enumerate(monitor._goals)]
        success = bool(self.met[-1].all())
        subgoals = tuple(
            Subgoal(name, step)
            for course in courses
            for name, step in [*course.stages, (course.goal.text, course.first_met if course.holds else 0)]
        )
        reached = self.qpos[1:, monitor._joints]
        limits = (reached < monitor._low + _JOINT_LIMIT_RAD) | (reached > monitor._high - _JOINT_LIMIT_RAD)
        clipped = None
        if self._limit is not None:
            clipped = int((np.abs(self.actions[1:, :-1]) > self._limit).any(axis=1).sum())
        return EpisodeEvents(
            failure=None if success else self._failure(courses),
            subgoals=subgoals,
            events=tuple(sorted(self._events(courses))),
            peak_force_n=round(self.peak_force, 1),
            joint_limit_steps=int(limits.any(axis=1).sum()),
            workspace_steps=self.against,
            clipped_steps=clipped,
        )

    def _failure(self, courses: Sequence[_Course]) -> Failure:
        if np.linalg.norm(self.grip - self.grip[0], axis=1).max() < _MOVED_M:
            return Failure.NEVER_MOVED
        missed = [course for course in courses if not course.holds]
        if any(course.first_met for course in missed):
            return Failure.LOST
        furthest = max(missed, key=lambda course: course.rank)
        if furthest.goal.support >= 0 and self._knocked(furthest.goal.support):
            return Failure.KNOCKED
        done = [course.first_met for course in courses if course.holds]
        if furthest.rank == 0 and done and max(done) > self.last - _LATE_STEPS:
            return Failure.TIMEOUT
        return furthest.failure

    def _course(self, goal: _Goal, met: Flags) -> _Course:
        first = _first(met)
        if goal.joint >= 0:
            return self._joint_course(goal, met, first)
        if goal.target >= self._monitor._movable or goal.target < 0:
            return _Course(goal, (), first, bool(met[-1]), Failure.UNKNOWN, 0)
        number = goal.target
        reached = self._reached(number)
        held = self.held.get(number, np.zeros(self.last + 1, bool))
        lifted = self._lifted(number)
        steps = [_first(flags) for flags in (reached, held, lifted)]
        if met[-1]:
            steps = [step or first for step in steps]
        name = self._monitor._names[number]
        stages = tuple((f"{stage} {name}", step) for stage, step in zip(_STAGES, steps, strict=True))
        rank = sum(step > 0 for step in steps)
        return _Course(goal, stages, first, bool(met[-1]), self._fate(goal, reached, held, lifted), rank)

    def _joint_course(self, goal: _Goal, met: Flags, first: int) -> _Course:
        monitor = self._monitor
        model = monitor._model
        values = self.qpos[:, model.jnt_qposadr[goal.joint]]
        moving = _subtree(model, int(model.jnt_bodyid[goal.joint]))
        when, other, part = self.touching_geoms
        touched = np.zeros(self.last + 1, bool)
        touched[when[moving[model.geom_bodyid[other]] & (part > 0)]] = True
        way = goal.edge - values[0]
        moved = (values - values[0]) / way > _JOINT_SHARE if way else np.zeros_like(touched)
        moved &= np.maximum.accumulate(touched)
        steps = [_first(touched), _first(moved)]
        if met[-1]:
            steps = [step or first for step in steps]
        stages = tuple(
            (f"{stage} {goal.text.split()[1]}", step) for stage, step in zip(_JOINT_STAGES, steps, strict=True)
        )
        rank = 2 if steps[1] else int(steps[0] > 0)
        if steps[1]:
            late = np.abs(values[-1] - values[max(self.last - _LATE_STEPS, 0)]) > _JOINT_SHARE * abs(way)
            failure = Failure.TIMEOUT if late else Failure.MISPLACED
        elif steps[0]:
            failure = Failure.TIMEOUT if steps[0] > self.last - _LATE_STEPS / 2 else Failure.NOT_GRASPED
        else:
            failure = self._elsewhere()
        return _Course(goal, stages, first, bool(met[-1]), failure, rank)

    def _fate(self, goal: _Goal, reached: Flags, held: Flags, lifted: Flags) -> Failure:
        """How it failed, if its conjunct does not hold."""
        if held[-_GRIP_STEPS:].any() and (lifted.any() or _first(held) > self.last - _LATE_STEPS):
            return Failure.TIMEOUT
        if lifted.any():
            return self._let_go(goal, int(np.flatnonzero(lifted)[-1]))
        if self._carried(goal.target):
            return Failure.WRONG_OBJECT
        if reached.any():
            late = _first(reached) > self.last - _LATE_STEPS / 2
            return Failure.TIMEOUT if late else Failure.NOT_GRASPED
        return self._elsewhere()

    def _let_go(self, goal: _Goal, step: int) -> Failure:
        """Whether what was lifted until ``step`` was put down near its goal and stayed, or fell, then or later."""
        after = self.places[step:, goal.target]
        away = float(np.linalg.norm(after[-1, :2] - self._destination(goal, self.last)))
        fallen = float(after[0, 2] - after[:, 2].min())
        return Failure.MISPLACED if fallen < _FALLEN_M and away < _PLACED_M else Failure.DROPPED

    def _destination(self, goal: _Goal, step: int) -> Floats:
        monitor = self._monitor
        if 0 <= goal.support < monitor._movable:
            return self.places[step, goal.support, :2]
        if goal.place >= 0:
            return np.array(monitor._data.site_xpos[goal.place][:2])
        return np.array(monitor._data.xpos[monitor._roots[goal.support]][:2])

    def _elsewhere(self) -> Failure:
        return Failure.WRONG_OBJECT if self._carried(-1) else Failure.NEVER_REACHED

    def _carried(self, target: int) -> bool:
        """Whether something that the task is not about was lifted."""
        about = {number for goal in self._monitor._goals for number in (goal.target, goal.support)} | {target}
        return any(self._lifted(number).any() for number in self.held if number not in about)

    def _knocked(self, support: int) -> bool:
        monitor = self._monitor
        if support >= monitor._movable:
            return False
        start = int(monitor._free[support])
        before, after = self.qpos[0, start : start + 7], self.qpos[-1, start : start + 7]
        leaning = float(_up(before[3:]) @ _up(after[3:]))
        return float(np.linalg.norm(after[:2] - before[:2])) > _KNOCKED_M or leaning < _KNOCKED_COSINE

    def _reached(self, number: int) -> Flags:
        """When a finger touched an object, or it was between them; the hand alone brushes what it passes."""
        touched: Flags = self.touched[0, :, number] | self.touched[1, :, number]
        if not touched.any():
            away = np.linalg.norm(self.grip - self.places[:, number], axis=1)
            away[0] = np.inf
            for _ in range(_LOOKS):
                step = int(away.argmin())
                if away[step] < _OPEN_M and self._monitor.gap(self.qpos[step], number) < _NEAR_M:
                    touched[step] = True
                away[max(step - 5, 0) : step + 6] = np.inf
        return touched

    def _hold(self, number: int) -> Flags:
        """When both fingers pressed on an object, or any part of the gripper carried it; for some time, gaps closed."""
        both = self.touched[0, :, number] & self.touched[1, :, number]
        return _lasting(both | self._lifted(number), _GRIP_STEPS)

    def _lifted(self, number: int) -> Flags:
        return self.lifts.get(number, np.zeros(self.last + 1, bool))

    def _lift(self, number: int) -> Flags:
        """When an object touched the gripper and nothing else, for some time, and went some way meanwhile."""
        lifted = _lasting(self.touched[2, :, number] & ~self.supported[:, number], _LIFT_STEPS)
        for begin, end in list(_runs(lifted, 0)):
            way = self.places[begin:end, number] - self.places[begin, number]
            lifted[begin:end] = np.linalg.norm(way, axis=1).max() > _LIFTED_M
        return lifted

    def _events(self, courses: Sequence[_Course]) -> Iterator[Event]:
        names = self._monitor._names
        for course in courses:
            yield from (Event(step, name) for name, step in course.stages if step)
            if course.first_met:
                yield Event(course.first_met, f"goal met: {course.goal.text}")
                if not course.holds:
                    lost = int(np.flatnonzero(self.met[:, self._monitor._goals.index(course.goal)])[-1]) + 1
                    yield Event(lost, f"goal lost: {course.goal.text}")
        about = {course.goal.target for course in courses}
        for number, held in self.held.items():
            if number not in about:
                yield Event(_first(held), f"grasp {names[number]}")
            yield from (Event(end, f"let go {names[number]}") for _, end in _runs(held, 0) if end <= self.last)
        for support in {course.goal.support for course in courses if course.goal.support >= 0}:
            if self._knocked(support):
                yield Event(self.last, f"knocked {names[support]}")


def _first(flags: Flags) -> int:
    """The first step that is flagged, 0 if none or if it was so from the start."""
    return 0 if flags[0] else int(np.argmax(flags))


def _lasting(flags: Flags, least: int) -> Flags:
    """The runs that take at least so many steps, gaps closed."""
    kept = np.zeros_like(flags)
    for begin, end in _runs(flags, _GAP_STEPS):
        if end - begin >= least:
            kept[begin:end] = True
    return kept


def _runs(flags: Flags, gap: int) -> Iterator[tuple[int, int]]:
    """Begin and end of every run of flagged steps; runs less than ``gap`` steps apart are one."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.view(np.int8), [0]])))
    runs = [[int(begin), int(end)] for begin, end in edges.reshape(-1, 2)]
    merged: list[list[int]] = []
    for begin, end in runs:
        if merged and begin - merged[-1][1] < gap:
            merged[-1][1] = end
        else:
            merged.append([begin, end])
    yield from ((begin, end) for begin, end in merged)


def _up(quaternion: Floats) -> Floats:
    """The body's own z axis in the world; quaternion wxyz."""
    w, x, y, z = quaternion
    return np.array([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)])


def _free(model: Any, root: int) -> int:
    """Where a free body's position begins in qpos."""
    joint = model.body_jntadr[root]
    for number in range(joint, joint + model.body_jntnum[root]):
        if model.jnt_type[number] == mujoco.mjtJoint.mjJNT_FREE:
            return int(model.jnt_qposadr[number])
    raise ValueError(f"Body {root} has no free joint.")


def _subtree(model: Any, body: int) -> Flags:
    """Which bodies hang on ``body``, itself included."""
    inside = np.zeros(model.nbody, bool)
    inside[body] = True
    for number in range(body + 1, model.nbody):
        inside[number] = inside[model.body_parentid[number]]
    return inside


def _parts(environment: Any, model: Any, geom_root: NDArray[np.int32]) -> NDArray[np.int8]:
    """Which part of the robot a geom is, 0 for none."""
    part = np.zeros(model.ngeom, np.int8)
    robot = environment.robots[0]
    root = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_BODY, robot.robot_model.root_body)
    part[geom_root == model.body_rootid[root]] = _ARM

    def mark(names: Sequence[str], bit: int) -> None:
        part[[mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_GEOM, name) for name in names]] = bit

    mark(robot.gripper.contact_geoms, _HAND)
    mark(robot.gripper.important_geoms["left_finger"], _LEFT)
    mark(robot.gripper.important_geoms["right_finger"], _RIGHT)
    return part
