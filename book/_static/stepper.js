// Turns the tables of a stepper (book/stepper.py) into one that is walked through step by step.
// It holds no words: they stand in the page, in the container .stepper-words after the stepper.
"use strict";

(() => {
  const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
  const FLIGHT = 600; // milliseconds

  function wordsFor(stepper) {
    let element = stepper.closest(".cell") || stepper;
    while (element && !element.matches(".stepper-words")) element = element.nextElementSibling;
    const text = (name) => element?.querySelector(`.${name}`)?.textContent.trim() ?? "";
    return (name, values = {}) =>
      text(name).replace(/\{(\w+)\}/g, (whole, key) => values[key] ?? whole);
  }

  function sentence(frame, step, steps, words) {
    const moves = frame.dataset.moves.split(" ").filter(Boolean).map((move) => {
      const [source, dest, chunk] = move.split(",");
      return words("move", { source, dest, chunk });
    });
    const { time, sent, kind } = frame.dataset;
    return words(kind, { step, steps, time, sent, moves: moves.join(", ") });
  }

  // What is sent flies from its cell to that of the receiver.
  function fly(frame) {
    const place = (rank, chunk) => frame.querySelector(`[data-cell="${rank},${chunk}"]`);
    const box = frame.getBoundingClientRect();
    for (const move of frame.dataset.moves.split(" ").filter(Boolean)) {
      const [source, dest, chunk] = move.split(",");
      const [from, to] = [place(source, chunk), place(dest, chunk)];
      const [start, stop] = [from, to].map((cell) => cell.getBoundingClientRect());
      const flown = document.createElement("span");
      flown.className = "stepper-flight";
      flown.setAttribute("aria-hidden", "true");
      flown.style.cssText = `left: ${start.left - box.left}px; top: ${start.top - box.top}px;` +
        `width: ${start.width}px; height: ${start.height}px`;
      frame.parentElement.append(flown);
      const way = `translate(${stop.left - start.left}px, ${stop.top - start.top}px)`;
      const flight = flown.animate(
        [{ transform: "none" }, { transform: way }], { duration: FLIGHT, easing: "ease-in-out" });
      flight.onfinish = flight.oncancel = () => flown.remove();
    }
  }

  function button(name, words, act) {
    const made = document.createElement("button");
    made.type = "button";
    made.className = `stepper-${name}`;
    made.textContent = words(name);
    made.addEventListener("click", act);
    return made;
  }

  function begin(stepper) {
    const words = wordsFor(stepper);
    const holder = stepper.querySelector(".stepper-frames");
    const frames = [...holder.children];
    const said = document.createElement("p");
    said.className = "stepper-said";
    said.setAttribute("aria-live", "polite");
    let step = 0;

    const back = button("back", words, () => show(step - 1));
    const forward = button("forward", words, () => show(step + 1));
    const start = button("again", words, () => show(0));
    const bar = document.createElement("div");
    bar.className = "stepper-bar";
    bar.append(start, back, forward);

    function show(next) {
      if (next < 0 || next >= frames.length) return;
      const onward = next === step + 1;
      step = next;
      holder.querySelectorAll(".stepper-flight").forEach((flown) => flown.remove());
      frames.forEach((frame, at) => frame.classList.toggle("stepper-shown", at === step));
      start.setAttribute("aria-disabled", String(step === 0));
      back.setAttribute("aria-disabled", String(step === 0));
      forward.setAttribute("aria-disabled", String(step === frames.length - 1));
      said.textContent = sentence(frames[step], step, frames.length - 1, words);
      if (onward && !still()) fly(frames[step]);
    }

    const keys = {
      ArrowRight: () => step + 1, ArrowLeft: () => step - 1,
      Home: () => 0, End: () => frames.length - 1,
    };
    stepper.addEventListener("keydown", (event) => {
      const chosen = keys[event.key];
      if (!chosen || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      show(chosen());
    });
    stepper.tabIndex = 0;
    stepper.setAttribute("role", "group");
    stepper.setAttribute("aria-label", words("label"));
    stepper.append(bar, said);
    stepper.classList.add("stepper-live");
    show(0);
  }

  const all = () => document.querySelectorAll("div.stepper:not(.stepper-live)").forEach(begin);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", all);
  else all();
})();
