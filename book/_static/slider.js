// Turns the figures of a slider (book/slider.py) into one that follows a range input.
// It holds no words: they stand in the page, in the container .slider-words after the slider.
"use strict";

(() => {
  function wordsFor(slider) {
    let element = slider.closest(".cell") || slider;
    while (element && !element.matches(".slider-words")) element = element.nextElementSibling;
    const text = (name) => element?.querySelector(`.${name}`)?.textContent.trim() ?? "";
    return (name, frame) => text(name).replace(
      /\{([\w-]+)\}/g, (whole, fact) => frame?.getAttribute(`data-${fact}`) ?? whole);
  }

  function begin(slider, number) {
    const words = wordsFor(slider);
    const frames = [...slider.querySelectorAll(".slider-frame")];
    const input = document.createElement("input");
    input.type = "range";
    input.id = `slider-${number}`;
    input.max = frames.length - 1;
    input.value = frames.findIndex((frame) => frame.matches(".slider-shown"));
    const label = document.createElement("label");
    label.htmlFor = input.id;
    label.textContent = words("label");
    const said = document.createElement("p");
    said.className = "slider-said";
    const bar = document.createElement("div");
    bar.className = "slider-bar";
    bar.append(label, input);

    function show() {
      const chosen = frames[input.value];
      frames.forEach((frame) => frame.classList.toggle("slider-shown", frame === chosen));
      said.textContent = words("said", chosen);
      input.setAttribute("aria-valuetext", said.textContent);  // read aloud, in place of a number
    }

    input.addEventListener("input", show);
    slider.append(bar, said);
    slider.classList.add("slider-live");
    show();
  }

  const all = () => document.querySelectorAll("div.slider:not(.slider-live)").forEach(begin);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", all);
  else all();
})();
