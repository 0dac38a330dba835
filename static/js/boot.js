// Before the first paint: scripts run, and the theme that was chosen.
{
  const root = document.documentElement;
  root.dataset.js = "";
  try {
    const theme = localStorage.getItem("pool-dashboard-theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  } catch {
    // Storage is off: the system's theme it is.
  }
}
