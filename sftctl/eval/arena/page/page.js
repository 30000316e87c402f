"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const find = (id) => document.getElementById(id);
const storeName = "arena-" + data.arena;
const state = { voter: "", position: 0, votes: {} };
let shownAt = Date.now();

function load() {
  try {
    const kept = JSON.parse(localStorage.getItem(storeName) || "{}");
    for (const name of Object.keys(state)) if (name in kept) state[name] = kept[name];
  } catch (error) {
    notice("This browser keeps nothing between visits: export before you close the page.");
  }
}

function save() {
  try { localStorage.setItem(storeName, JSON.stringify(state)); } catch (error) { /* said in load() */ }
}

function notice(text) { find("notice").textContent = text; }

function element(name, text, className) {
  const made = document.createElement(name);
  if (className) made.className = className;
  // Answers are text, whatever they hold: nothing here is ever parsed as HTML.
  made.textContent = text;
  return made;
}

function showPrompt(item) {
  const asked = find("asked");
  asked.replaceChildren();
  if (item.history.length) {
    const earlier = element("details", "");
    earlier.append(element("summary", "Earlier in this conversation"));
    for (const turn of item.history) earlier.append(spoken(turn.role, turn.content));
    asked.append(earlier);
  }
  item.turns.forEach((turn, number) => asked.append(spoken(item.turns.length > 1 ? "turn " + (number + 1) : "prompt", turn)));
}

function spoken(who, text) {
  const line = element("p", "");
  line.append(element("span", who, "speaker"), document.createTextNode(text));
  return line;
}

function showAnswer(side, texts) {
  const place = find(side).querySelector(".text");
  place.replaceChildren(...texts.map((text) => element("div", text || "(empty answer)", "turn")));
}

function voted() { return data.items.filter((item) => item.id in state.votes).length; }

function show() {
  const finished = state.position >= data.items.length;
  find("ballot").hidden = finished; find("choices").hidden = finished; find("done").hidden = !finished;
  const count = voted();
  find("fill").style.width = (100 * count) / data.items.length + "%";
  const track = document.querySelector(".track");
  track.setAttribute("aria-valuemax", data.items.length); track.setAttribute("aria-valuenow", count);
  find("voter").value = state.voter;
  save();
  if (finished) return;
  const item = data.items[state.position];
  const vote = state.votes[item.id];
  showPrompt(item); showAnswer("left", item.left); showAnswer("right", item.right);
  find("position").textContent = state.position + 1 + " of " + data.items.length;
  find("chosen").textContent = count + " voted";
  find("comment").value = vote ? vote.comment : "";
  for (const button of document.querySelectorAll("[data-choice]")) {
    const chosen = Boolean(vote) && vote.choice === button.dataset.choice;
    button.classList.toggle("chosen", chosen); button.setAttribute("aria-pressed", chosen);
  }
  for (const side of ["left", "right"]) find(side).classList.toggle("chosen", Boolean(vote) && vote.choice === side);
  find("back").disabled = state.position === 0;
  find("next").disabled = !vote;
  shownAt = Date.now();
  scrollTo(0, 0);
}

function choose(choice) {
  const item = data.items[state.position];
  if (!item) return;
  const seconds = Math.round((Date.now() - shownAt) / 100) / 10;
  state.votes[item.id] = { choice: choice, comment: find("comment").value, seconds: seconds };
  move(1);
}

function move(by) {
  const next = state.position + by;
  if (next < 0 || next > data.items.length) return;
  if (by > 0 && !(data.items[state.position].id in state.votes)) return;
  state.position = next;
  show();
}

function exportVotes() {
  if (!state.voter.trim()) { notice("Enter your name first."); find("voter").focus(); return; }
  const votes = data.items.filter((item) => item.id in state.votes).map((item) => ({ item: item.id, ...state.votes[item.id] }));
  const sheet = { arena: data.arena, voter: state.voter.trim(), votes: votes };
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(sheet, null, 1)], { type: "application/json" }));
  link.download = "votes-" + state.voter.trim().replace(/[^\p{L}\p{N}]+/gu, "-") + ".json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  notice(votes.length + " votes exported.");
}

document.addEventListener("keydown", (event) => {
  if (event.target.matches("input, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.key.toLowerCase();
  const choice = { 1: "left", 2: "right", t: "tie", 0: "tie", b: "both_bad" }[key];
  if (find("choices").hidden && key !== "arrowleft") return;
  if (choice) choose(choice); else if (key === "arrowleft") move(-1); else if (key === "arrowright") move(1); else return;
  event.preventDefault();
});
for (const button of document.querySelectorAll("[data-choice]")) button.addEventListener("click", () => choose(button.dataset.choice));
for (const side of ["left", "right"]) find(side).addEventListener("click", () => {
  // With a mouse a click on an answer votes for it; a touch that scrolls must not.
  if (matchMedia("(hover: hover)").matches && !String(getSelection())) choose(side);
});
find("comment").addEventListener("input", () => {
  const vote = state.votes[(data.items[state.position] || {}).id];
  if (vote) { vote.comment = find("comment").value; save(); }
});
find("voter").addEventListener("input", () => { state.voter = find("voter").value; save(); notice(""); });
find("back").addEventListener("click", () => move(-1));
find("next").addEventListener("click", () => move(1));
find("review").addEventListener("click", () => { state.position = 0; show(); });
find("export").addEventListener("click", exportVotes);
find("export-done").addEventListener("click", exportVotes);
load();
show();
