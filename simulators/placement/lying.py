"""Which devices have a fault."""

from __future__ import annotations

import numpy as np

from config.catalogue.model import Coordinate, Device, VdsStation
from simulators.causes.device import Fault
from simulators.placement.setting import NowhereError, Setting
from simulators.world.happenings import DeviceFault
from simulators.world.seeds import stream


def place_fault(
    event: Fault,
    name: str,
    span_s: tuple[float, float],
    earlier: list[DeviceFault],
    near: Coordinate | None,
    setting: Setting,
) -> list[DeviceFault]:
    """Choose the devices of a fault.

    Parameters
    ----------
    event
        One device, or a share or a count of some kinds.
    name
        What the event is called, for the draw.
    span_s
        When it begins and ends. [s]
    earlier
        Faults placed so far: a device with one of them at the time is not drawn.
    near
        Where the nearest are taken instead of a draw. [deg]
    setting
        Region.

    Raises
    ------
    NowhereError
        If there are too few sound devices of the kinds.
    """
    if event.device is not None:
        return [_fault(event, event.device, span_s)]
    ill = {fault.device for fault in earlier if fault.from_s < span_s[1] and span_s[0] < fault.until_s}
    chosen: list[str] = []
    if event.share is not None:
        for kind in event.devices or ():
            devices = setting.catalogue.devices(kind)
            wanted = round(event.share * len(devices))
            sound = [device.id for device in devices if _fit(device, event, ill)]
            chosen += _drawn(sound, wanted, f"{name} {kind}", "share", setting)
        if not chosen:
            total = sum(len(setting.catalogue.devices(kind)) for kind in event.devices or ())
            raise NowhereError("share", f"expected a share that is a device or more, was {event.share:g} of {total}")
    else:
        fit = [row for kind in event.devices or () for row in setting.catalogue.devices(kind) if _fit(row, event, ill)]
        wanted = event.count or 1
        if near is not None and fit:
            away = setting.xy(*np.array([device.position for device in fit]).T) - setting.xy(*near)
            order = np.argsort(np.hypot(away[:, 0], away[:, 1]), kind="stable")
            if wanted > len(fit):
                raise _too_few("count", wanted, len(fit))
            chosen = [fit[place].id for place in order[:wanted]]
        else:
            chosen = _drawn([device.id for device in fit], wanted, name, "count", setting)
    return [_fault(event, device, span_s) for device in chosen]


def _fit(device: Device, event: Fault, ill: set[str]) -> bool:
    if isinstance(device, VdsStation) and event.fault == "missed_lane" and device.lanes < (event.value or 0.0):
        return False
    return device.id not in ill


def _drawn(sound: list[str], wanted: int, name: str, field: str, setting: Setting) -> list[str]:
    if wanted > len(sound):
        raise _too_few(field, wanted, len(sound))
    order = stream(setting.seed, "fault", name).permutation(len(sound))[:wanted]
    return [sound[place] for place in np.sort(order)]


def _too_few(field: str, wanted: int, there: int) -> NowhereError:
    return NowhereError(field, f"expected {wanted} devices without another fault at the time, was {there}")


def _fault(event: Fault, device: str, span_s: tuple[float, float]) -> DeviceFault:
    return DeviceFault(device, event.fault, span_s[0], span_s[1], 0.0 if event.value is None else event.value)
