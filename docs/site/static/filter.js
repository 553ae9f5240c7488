// A box above long tables that leaves only the rows with the words typed, on pages such as the data dictionary. Works without a server.
// Words of the address (?rows=margin+debt), or of the search that led here; Sphinx forgets those once it has marked them.
const wanted = new URLSearchParams(location.search).get("rows") || localStorage.getItem("sphinx_highlight_terms") || "";

document.addEventListener("DOMContentLoaded", () => {
  const article = document.querySelector("article");
  const rows = article ? [...article.querySelectorAll("tbody tr")] : [];
  if (rows.length < 100) return;

  const plain = (text) => text.toLowerCase().replaceAll("_", " ");
  const sections = [...article.querySelectorAll("section section")].filter((section) => section.querySelector("table"));
  const prose = [...article.querySelectorAll("h1 ~ *:not(section)")];
  const name = (row) => row.closest("section").querySelector("h1, h2, h3").textContent;
  const texts = new Map(rows.map((row) => [row, plain(`${name(row)} ${row.textContent}`)]));

  const box = document.createElement("form");
  box.className = "row-filter";
  box.setAttribute("role", "search");
  box.innerHTML =
    '<label for="row-filter">Show only rows with these words</label>' +
    '<input id="row-filter" type="search" autocomplete="off" spellcheck="false" aria-describedby="row-count">' +
    '<output id="row-count" for="row-filter" aria-live="polite"></output>';
  article.querySelector("h1").after(box);
  const input = box.querySelector("input");
  const count = box.querySelector("output");

  const show = () => {
    const words = plain(input.value).split(/\s+/).filter(Boolean);
    let left = 0;
    for (const row of rows) {
      row.hidden = !words.every((word) => texts.get(row).includes(word));
      if (!row.hidden) left += 1;
    }
    for (const part of prose) part.hidden = words.length > 0;
    for (const section of sections) section.hidden = !section.querySelector("tbody tr:not([hidden])");
    count.textContent = words.length ? `${left} of ${rows.length} rows` : "";
  };
  input.addEventListener("input", show);
  if (wanted) {
    input.value = wanted;
    show();
  }
  box.addEventListener("submit", (event) => event.preventDefault());
});
