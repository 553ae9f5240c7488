"use strict";
// The page opens in the reader's language, or in that of the address (#zh); the choice is told to the browser and to screen readers.
(() => {
  const tell = (name) => {
    document.documentElement.lang = name === "zh" ? "zh-Hans" : "en";
    document.title = document.querySelector(`.page[data-language="${name}"] h1`).textContent + " " + document.querySelector("time").dateTime.slice(0, 10);
  };
  const wanted = /^#(en|zh)\b/.exec(location.hash)?.[1] ?? (/^zh\b/i.test(navigator.language) ? "zh" : "en");
  document.getElementById(wanted).checked = true;
  tell(wanted);
  for (const choice of document.querySelectorAll(".language")) choice.addEventListener("change", () => tell(choice.value));
})();
