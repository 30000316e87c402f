"use strict";
// Search and filter over the answers. Without scripts every answer is shown.
(() => {
  const section = document.getElementById("answers");
  if (!section) return;
  const rows = [...section.querySelectorAll("article")];
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const [search, source, kind, shown] = ["search", "source", "kind", "shown"].map((id) => document.getElementById(id));
  const update = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    rows.forEach((row, index) => {
      const fits = words.every((word) => texts[index].includes(word))
        && (!source.value || row.dataset.source === source.value)
        && (!kind.value || row.dataset[kind.value] === "1");
      row.hidden = !fits;
      count += fits;
    });
    shown.textContent = `${count} of ${rows.length}`;
  };
  section.querySelector(".controls").hidden = false;
  for (const control of [search, source, kind]) control.addEventListener("input", update);
  update();
})();
