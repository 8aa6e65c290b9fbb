// The filters of the page of claims. Plain script: it runs from file:// too.
(function () {
  const dashboard = document.currentScript.closest(".dashboard");
  const form = dashboard.querySelector("form");
  const rows = [...dashboard.querySelectorAll("tbody tr")];
  const count = form.querySelector("output");

  function fits(row) {
    return [...form.elements].every((field) => {
      if (!field.name || !field.value) return true;
      if (field.name !== "words") return row.dataset[field.name] === field.value;
      const text = row.textContent.toLowerCase();
      return field.value.toLowerCase().split(/\s+/).every((word) => text.includes(word));
    });
  }

  function filter() {
    for (const row of rows) row.hidden = !fits(row);
    count.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} rows`;
  }

  // A link to a claim shows it, whatever the filters say.
  function showTarget() {
    const row = rows.find((row) => row.id === location.hash.slice(1));
    if (row && row.hidden) {
      form.reset();
      filter();
      row.scrollIntoView();
    }
  }

  form.hidden = false;
  form.elements.show.value = "headlines";
  form.addEventListener("input", filter);
  form.addEventListener("reset", () => setTimeout(filter));
  form.addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("hashchange", showTarget);
  filter();
  showTarget();
})();
