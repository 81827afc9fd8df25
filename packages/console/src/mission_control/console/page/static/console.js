// What the page does by itself: it watches for changes and morphs what they change, copies texts, and ticks rows.
"use strict";
(() => {
  document.documentElement.classList.add("has-script");

  // Watching

  const state = document.querySelector("[data-live-state]");
  const region = () => document.getElementById("live");
  let source = null;
  let timer = 0;
  let last = Date.now();

  const show = (name, words) => {
    if (state && state.dataset.state !== name) {
      state.dataset.state = name;
      state.textContent = words;
    }
  };

  const refresh = async () => {
    timer = 0;
    if (document.hidden || !region()) return;
    last = Date.now();
    const text = await fetch(location.href).then((answer) => answer.text(), () => null);
    if (text === null || !region()) return; // the stream says so, and when it is back
    if (!text.includes('id="live"')) return location.reload(); // it is another page now: a login, or nothing there
    await htmx.swap({ text, target: region(), sourceElement: region(), select: "#live", swap: "outerMorph" });
  };

  const changed = () => {
    const every = Number(region()?.dataset.seconds || 1) * 1000;
    timer ||= setTimeout(refresh, Math.max(0, last + every - Date.now()));
  };

  const watch = () => {
    source = new EventSource(document.body.dataset.changes);
    source.addEventListener("open", () => show("live", "Live"));
    source.addEventListener("error", () => show("off", "Not connected"));
    source.addEventListener("changed", changed); // the first one comes at once, for what came before it
  };

  const unwatch = () => {
    source?.close();
    source = null;
  };

  if (region() && document.body.dataset.changes) {
    watch();
    // A browser has few connections to one host, and hidden pages share them.
    document.addEventListener("visibilitychange", () => (document.hidden ? unwatch() : source || watch()));
    window.addEventListener("pagehide", unwatch);
    window.addEventListener("pageshow", (event) => event.persisted && !source && watch());
  }

  // Copying

  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy], [data-copy-from]");
    if (!button) return;
    const from = button.dataset.copyFrom;
    await copy(from ? document.getElementById(from).textContent : button.dataset.copy);
    const words = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = words), 1500);
  });

  // Ticking

  document.addEventListener("change", (event) => {
    const form = event.target.closest("[data-ticks]");
    if (!form) return;
    const rows = [...form.querySelectorAll("input[name=mission]")];
    if (event.target.matches("[data-tick-all]")) rows.forEach((row) => (row.checked = event.target.checked));
    const count = rows.filter((row) => row.checked).length;
    form.querySelector("[data-ticked]").textContent = count ? `${count} selected` : "";
    form.querySelector("[data-tick-all]").checked = count === rows.length;
    if (count) form.querySelector("input[name=of][value=ticked]").checked = true;
  });
})();
