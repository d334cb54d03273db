// Masked frames: small ones at their time on the timeline, one of them large in a dialog.

const jpeg = (data) => `data:image/jpeg;base64,${data}`;
const caption = (picture) => [el("b", {}, moment(picture.time_s)), ` ${WHYS[picture.why]}`];

const unmasked = (picture) => el("span", { class: "unmasked" },
  el("img", { src: jpeg(picture.source_jpeg), width: picture.width_px, height: picture.height_px,
    alt: `NOT MASKED: the source at ${moment(picture.time_s)}` }),
  el("strong", { class: "unmasked-mark" }, "NOT MASKED"));

const masked = (picture) => el("img", {
  src: jpeg(picture.jpeg), width: picture.width_px, height: picture.height_px,
  alt: `Masked frame at ${moment(picture.time_s)}, ${WHYS[picture.why]}`,
});

const thumbnail = (detail, place) => {
  const picture = detail.pictures[place];
  return el("figure", { class: "thumbnail" },
    button([masked(picture), picture.source_jpeg ? unmasked(picture) : null],
      () => enlarge(detail, place), {
        class: "bare", "aria-label": `Enlarge the picture at ${moment(picture.time_s)}, ` +
          `${WHYS[picture.why]}${picture.source_jpeg ? ", with one that is NOT MASKED" : ""}`,
      }),
    el("figcaption", {}, caption(picture)));
};

const GAP = 8;
const NARROWEST = 104;
const WIDEST = 190;

// Each as near to its time as its neighbours let it, with a line to where on the axis it is.
// Where there is no room for that they stand in a row that scrolls.
const pictureStrip = (detail, length) => {
  const thumbnails = detail.pictures.map((_, place) => thumbnail(detail, place));
  const links = svg("svg", { class: "links", height: 14, "aria-hidden": "true" });
  const strip = el("div", { class: "strip" }, thumbnails);
  const holder = el("div", { class: "strip-holder" }, strip, links);
  const arrange = () => {
    const room = holder.clientWidth;
    const n = thumbnails.length;
    const width = Math.min(WIDEST, (room - GAP * (n - 1)) / n);
    const placed = width >= NARROWEST;
    holder.classList.toggle("placed", placed);
    const times = detail.pictures.map((picture) => room * picture.time_s / length);
    let lefts = times.map((time) => time - width / 2);
    for (let at = 0; at < n; at += 1) {
      lefts[at] = Math.max(lefts[at], at ? lefts[at - 1] + width + GAP : 0);
    }
    for (let at = n - 1; at >= 0; at -= 1) {
      lefts[at] = Math.min(lefts[at], at < n - 1 ? lefts[at + 1] - width - GAP : room - width);
    }
    thumbnails.forEach((one, at) => {
      one.style.width = placed ? `${width}px` : "";
      one.style.left = placed ? `${lefts[at]}px` : "";
    });
    strip.style.height = placed ? `${Math.max(...thumbnails.map((one) => one.offsetHeight))}px` : "";
    links.replaceChildren(...(placed ? times.map((time, at) => svg("path", {
      d: `M${lefts[at] + width / 2} 0L${time} 14`,
    })) : []));
  };
  new ResizeObserver(arrange).observe(holder);
  return holder;
};

const enlarge = (detail, first) => {
  const dialog = byId("picture");
  const opener = document.activeElement;
  let place = first;
  const paint = () => {
    const picture = detail.pictures[place];
    const head = el("div", { class: "dialog-head" },
      el("h2", { id: "picture-title" }, caption(picture),
        el("span", { class: "quiet" }, ` frame ${number(picture.frame)}`)),
      button("Previous", () => turn(-1), { class: "small", disabled: place === 0 }),
      button("Next", () => turn(1), {
        class: "small", disabled: place === detail.pictures.length - 1,
      }),
      button("Close", () => dialog.close(), { class: "small close" }));
    dialog.replaceChildren(head, el("div", { class: "large" },
      masked(picture), picture.source_jpeg ? unmasked(picture) : null));
  };
  const turn = (by) => {
    place = Math.max(0, Math.min(detail.pictures.length - 1, place + by));
    paint();
    dialog.querySelector(".close").focus();
  };
  dialog.onkeydown = (event) => {
    if (event.key === "ArrowRight") turn(1);
    if (event.key === "ArrowLeft") turn(-1);
  };
  dialog.onclose = () => { if (opener) opener.focus(); };
  paint();
  dialog.showModal();
  dialog.querySelector(".close").focus();
};
