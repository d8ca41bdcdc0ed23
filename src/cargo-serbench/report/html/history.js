(() => {
  const form = document.getElementById("search"), words = document.getElementById("words");
  const changed = document.getElementById("changed"), shown = document.getElementById("shown");
  const charts = [...document.querySelectorAll("article")];
  const search = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const chart of charts) {
      const matches = wanted.every((word) => chart.dataset.name.includes(word)) && (!changed?.checked || "changed" in chart.dataset);
      chart.hidden = !matches;
      count += matches;
    }
    shown.value = `${count} of ${charts.length} shown`;
  };
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", search);
  form.hidden = false;
  search();
})();
