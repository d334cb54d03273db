// Numbers and names as people read them.

const OUTCOMES = { masked: "masked", clean: "clean", review: "for review", failed: "failed" };

const whole = new Intl.NumberFormat("en");
const number = (value) => (value === null || value === undefined ? "\u2013" : whole.format(value));

const decimals = (value, digits) =>
  value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });

// A share of 1 in percent; what is not nothing is never shown as nothing, nor most as all.
const percent = (share) => {
  if (share === null || !Number.isFinite(share)) return "\u2013";
  if (share > 0 && share < 0.001) return "<0.1 %";
  if (share < 1 && share > 0.999) return ">99.9 %";
  return `${decimals(100 * share, share === 0 || share === 1 ? 0 : 1)} %`;
};

const duration = (seconds) => {
  if (seconds === null || seconds === undefined) return "\u2013";
  if (seconds > 0 && seconds < 0.005) return "<0.01 s";
  if (seconds < 60) return `${decimals(seconds, seconds < 10 ? 2 : 1)} s`;
  const rounded = Math.round(seconds);
  const [h, m, s] = [Math.floor(rounded / 3600), Math.floor(rounded / 60) % 60, rounded % 60];
  const two = (part) => String(part).padStart(2, "0");
  return h ? `${whole.format(h)} h ${two(m)} min` : `${m} min ${two(s)} s`;
};

// A moment of a video: 1:02.40
const moment = (seconds) => {
  const hundredths = Math.round(seconds * 100);
  const minutes = Math.floor(hundredths / 6000);
  const rest = ((hundredths % 6000) / 100).toFixed(2);
  return minutes ? `${minutes}:${rest.padStart(5, "0")}` : `${rest} s`;
};

const bytes = (count) => {
  if (count === null || count === undefined) return "\u2013";
  if (count < 1000) return `${count} B`;
  const units = ["kB", "MB", "GB", "TB"];
  const power = Math.min(Math.floor(Math.log10(count) / 3), units.length);
  return `${decimals(count / 1000 ** power, 1)} ${units[power - 1]}`;
};

const when = (iso) =>
  iso ? `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC` : null;

const plural = (count, one, several) => `${number(count)} ${count === 1 ? one : several || one + "s"}`;

// Why something is masked in a frame: the words of the plan's provenances.
const PROVENANCES = {
  detected: "seen with the policy's confidence",
  continued: "seen with less confidence, as part of a track",
  bridged: "not seen, between two sightings of a track",
  extended: "not seen, before the first or after the last sighting",
  always: "the policy names place and time",
  background: "everything but the objects of a rule",
  doubt: "the whole frame, since something may be there unseen",
  audit: "found by the audit of an earlier rendering, and then hidden",
};

const WHYS = {
  first: "first masked here",
  most: "most of the picture masked",
  unsure: "masked, not seen with confidence",
  audit: "hidden better after the audit",
  typical: "a typical moment",
};
