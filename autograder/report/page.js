
// Headings sort a table, a field finds rows. The page reads without any of it.
"use strict";
const collator = new Intl.Collator(undefined, {numeric: true});
const words = (row, column) => row.cells[column].textContent;
const compare = (one, other) => parseFloat(one) - parseFloat(other) || collator.compare(one, other);

const sortBy = (table, heading) => {
  const up = heading.getAttribute("aria-sort") !== "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", up ? "ascending" : "descending");
  const column = heading.cellIndex;
  const rows = [...table.tBodies[0].rows];
  rows.sort((a, b) => (up ? 1 : -1) * compare(words(a, column), words(b, column)));
  table.tBodies[0].append(...rows);
};

for (const table of document.querySelectorAll("table")) {
  for (const heading of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.textContent = heading.textContent;
    button.addEventListener("click", () => sortBy(table, heading));
    heading.replaceChildren(button);
  }
  const find = document.createElement("input");
  find.type = "search";
  find.placeholder = "Find a row";
  find.setAttribute("aria-label", "Find a row of the table");
  find.addEventListener("input", () => {
    const wanted = find.value.toLowerCase();
    for (const row of table.tBodies[0].rows) {
      row.hidden = !row.textContent.toLowerCase().includes(wanted);
    }
  });
  if (table.tBodies[0].rows.length > 15) table.parentElement.before(find);
}
