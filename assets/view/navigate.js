/** Keys and wheel over a picture: they narrow, widen and shift the window of its axis. */

/**
 * @param stage the element that takes keys and wheel
 * @param view { window(): [min, max] on the scale, extent(): likewise of all, show(min, max), showAll(), area(): the plot's box or null }
 */
export function navigate(stage, view) {
  /** Narrows or widens the window about a point of the scale, and shifts it by a part of its width. */
  function move(factor, at = 0.5, shift = 0) {
    const [min, max] = view.window();
    const [least, greatest] = view.extent();
    const size = Math.min((max - min) * factor, greatest - least);
    let start = min + (max - min - size) * at + shift * size;
    start = Math.min(Math.max(start, least), greatest - size);
    if (size >= (greatest - least) * 0.999) return view.showAll();
    view.show(start, start + size);
  }

  stage.addEventListener("keydown", (event) => {
    const action = {
      "+": () => move(0.5),
      "=": () => move(0.5),
      "-": () => move(2),
      ArrowLeft: () => move(1, 0.5, -0.25),
      ArrowRight: () => move(1, 0.5, 0.25),
      0: view.showAll,
    }[event.key];
    if (action === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  });
  stage.addEventListener(
    "wheel",
    (event) => {
      const area = view.area();
      if (event.ctrlKey || event.deltaY === 0 || area === null) return;
      event.preventDefault();
      const at = Math.min(Math.max((event.clientX - area.left) / area.width, 0), 1);
      move(event.deltaY > 0 ? 1.25 : 0.8, at);
    },
    { passive: false },
  );
  stage.addEventListener("dblclick", view.showAll);
}
