// The slider over predicted sizes: the sentence, the setting to copy and the line in the charts.

function choose(slider) {
  const card = slider.closest("[data-whatif]");
  const [at, sentence, setting, size] = JSON.parse(card.dataset.whatif)[Number(slider.value)];
  slider.setAttribute("aria-valuetext", sentence);
  card.querySelector("[data-outcome]").textContent = sentence;
  card.querySelector("[data-setting]").textContent = setting;
  // A form about something else than the size keeps the size that is shown.
  const kept = card.querySelector("[data-size]");
  if (kept) kept.value = size;
  for (const line of card.querySelectorAll("[data-pick]")) {
    line.setAttribute("x1", `${at}%`);
    line.setAttribute("x2", `${at}%`);
  }
}

export function start() {
  document.addEventListener("input", (event) => {
    if (event.target.matches?.("[data-slider]")) choose(event.target);
  });
}
