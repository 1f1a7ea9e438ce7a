"""What is said about a finding: titles, texts for phones, and MULTI strings for signs, out of the templates."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from alerts.gazetteer import Gazetteer
from config.catalogue.model import Name
from config.words import Words
from engine.findings import Finding, Rule

Fields = dict[str, Name | str | float]


@dataclass(frozen=True)
class Wording:
    """Fills templates about findings of one region."""

    gazetteer: Gazetteer
    words: Words

    def title(self, lead: Finding, corridor: str | None) -> Name:
        """Return the title of a situation by its leading finding.

        Parameters
        ----------
        lead
        corridor
            Road and direction, or None when the direction is not known: then it is not named.
        """
        return _tidy(self.words.say(self._template(lead), "title", **self._fields(lead, corridor)))

    def text(self, lead: Finding, corridor: str | None) -> Name:
        """Return the text for phones, in both languages, unmarked; parameters as for `title`.

        Raises
        ------
        WordsError
            If the rule has no text: a bearing alone tells nobody where to go.
        """
        return _tidy(self.words.say(self._template(lead), "text", **self._fields(lead, corridor)))

    def sign(self, lead: Finding, distance_m: float, *, ahead: bool) -> str:
        """Return the MULTI string for a sign, unmarked.

        Parameters
        ----------
        lead
        distance_m
            From the sign to the place; told in whole kilometres, at least one. [m]
        ahead
            Whether drivers who pass the sign come to the place; otherwise it is only near.

        Raises
        ------
        WordsError
            If the rule has no sign text.
        """
        fields = {key: _plain(value) for key, value in self._fields(lead, None).items()}
        fields["distance_km"] = max(round(distance_m / 1000.0), 1)
        return self.words.say(self._template(lead), "sign" if ahead else "sign_around", **fields).ko

    def on_road(self, lead: Finding) -> bool:
        """Tell whether the finding has a place on a road that drivers come to."""
        return self._template(lead) not in {"fire", "smoke", "spot"} and "road" in self._fields(lead, None)

    def _template(self, lead: Finding) -> str:
        match lead.rule:
            case Rule.FIRE_BEARING:
                return "smoke"
            case Rule.FIRE_POSITION:
                return "fire"
            case Rule.SLOPE_LEVEL:
                return "slope"
            case Rule.CAMERA_EVENT | Rule.INCIDENT | Rule.CONGESTION | Rule.ROAD_WEATHER:
                if not any(self.gazetteer.place_of(device) for device in lead.devices):
                    return "spot"
                return _ON_ROAD[lead.rule]

    def _advice(self, lead: Finding) -> Name:
        """Return what drivers are to do: keep to a speed where one follows from what is measured."""
        speed = next((line.value for line in lead.receipt if line.quantity == "advised_speed"), None)
        if speed is None or lead.detail == "flooding":
            return self.words.say("advice", lead.detail)
        return self.words.say("advice", "speed", speed=f"{speed:g}")

    def _fields(self, lead: Finding, corridor: str | None) -> Fields:
        district = self.gazetteer.district_at(lead.lon_deg, lead.lat_deg)
        fields: Fields = {
            "district": self.gazetteer.district_name(district),
            "village": self.gazetteer.village_near(lead.lon_deg, lead.lat_deg),
            "agency": self.words.say("agency"),
        }
        places = [place for device in lead.devices if (place := self.gazetteer.place_of(device)) is not None]
        if places:
            fields["road"] = self.gazetteer.road_name(places[-1].corridor)
            beside = lead.rule in {Rule.CAMERA_EVENT, Rule.ROAD_WEATHER}
            known = corridor if beside else places[-1].corridor
            fields["direction"] = (
                Name("", "") if known is None else self.words.say("direction", self.gazetteer.direction(known))
            )
        if lead.rule in {Rule.CAMERA_EVENT, Rule.INCIDENT}:
            fields["event"] = self.words.say("event", lead.detail)
        if lead.rule is Rule.ROAD_WEATHER:
            fields["event"] = self.words.say("hazard", lead.detail)
            fields["advice"] = self._advice(lead)
        if lead.rule is Rule.CONGESTION:
            fields["event"] = self.words.say("event", "queue")
        if lead.rule is Rule.SLOPE_LEVEL:
            fields["slope"] = self.gazetteer.device_name(lead.subject)
        return fields


_ON_ROAD = {
    Rule.CAMERA_EVENT: "incident",
    Rule.INCIDENT: "incident",
    Rule.CONGESTION: "congestion",
    Rule.ROAD_WEATHER: "weather",
}


def mark_multi(mark: str, multi: str) -> str:
    """Put a mark such as ``[훈련]`` on the first line of a MULTI string."""
    return f"[jp3]{_escaped(mark)}[nl]{multi.removeprefix('[jp3]')}"


def is_marked(mark: str, multi: str) -> bool:
    """Tell whether a MULTI string bears a mark."""
    return multi.startswith(f"[jp3]{_escaped(mark)}[nl]")


def _tidy(text: Name) -> Name:
    """Close the gap that an empty field leaves."""
    return Name(ko=" ".join(text.ko.split()), en=" ".join(text.en.split()))


def _plain(value: Name | str | float) -> Name | str | float:
    """Escape what MULTI would take for a tag."""
    if isinstance(value, Name):
        return msgspec.structs.replace(value, ko=_escaped(value.ko), en=_escaped(value.en))
    return _escaped(value) if isinstance(value, str) else value


def _escaped(text: str) -> str:
    return text.replace("[", "[[").replace("]", "]]")
