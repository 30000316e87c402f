"use strict";
// Search and filter over the answers. Without scripts every answer is shown.
(() => {
  const section = document.getElementById("answers");
  if (!section) return;
  const rows = [...section.querySelectorAll("article")];
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const [search, source, kind, shown, more] = ["search", "source", "kind", "shown", "more"].map((id) => document.getElementById(id));
  const step = 20;
  let limit = step;
  const update = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    rows.forEach((row, index) => {
      const fits = words.every((word) => texts[index].includes(word))
        && (!source.value || row.dataset.source === source.value)
        && (!kind.value || row.dataset[kind.value] === "1");
      count += fits;
      row.hidden = !fits || count > limit;
    });
    shown.textContent = `${count} of ${rows.length}`;
    more.hidden = count <= limit;
  };
  section.querySelector(".controls").hidden = false;
  for (const control of [search, source, kind]) control.addEventListener("input", () => { limit = step; update(); });
  more.addEventListener("click", () => { limit = rows.length; update(); });
  update();
})();
