
// Headings sort the table, a field finds a student, buttons unfold. The page reads without any of it.
"use strict";
const table = document.querySelector("table.sortable");
const boxes = [...document.querySelectorAll("details")];
const collator = new Intl.Collator(undefined, {numeric: true});
const key = (row, column) => {
  const cell = row.cells[column];
  return cell.dataset.value ?? cell.textContent;
};

const sortBy = (heading) => {
  const up = heading.getAttribute("aria-sort") !== "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", up ? "ascending" : "descending");
  const column = heading.cellIndex;
  const rows = [...table.tBodies[0].rows];
  rows.sort((a, b) => (up ? 1 : -1) * collator.compare(key(a, column), key(b, column)));
  table.tBodies[0].append(...rows);
};
for (const heading of table.tHead.rows[0].querySelectorAll("th[scope=col]")) {
  const button = document.createElement("button");
  button.textContent = heading.textContent;
  button.addEventListener("click", () => sortBy(heading));
  heading.replaceChildren(button);
}

const find = document.createElement("input");
find.type = "search";
find.placeholder = "Find a student";
find.setAttribute("aria-label", "Find a student");
find.addEventListener("input", () => {
  const wanted = find.value.toLowerCase();
  for (const row of table.tBodies[0].rows) {
    row.hidden = !row.cells[0].textContent.toLowerCase().includes(wanted);
  }
});
document.getElementById("students").after(find);

const fold = document.createElement("button");
fold.textContent = "Unfold all";
fold.className = "fold";
fold.addEventListener("click", () => {
  const open = boxes.some((box) => !box.open);
  for (const box of boxes) box.open = open;
  fold.textContent = open ? "Fold all" : "Unfold all";
});
document.getElementById("feedback").after(fold);
addEventListener("beforeprint", () => { for (const box of boxes) box.open = true; });
