// Starts what the page has.
import * as charts from "./charts.js";
import * as copy from "./copy.js";
import * as feed from "./feed.js";
import * as fragments from "./fragments.js";
import * as keys from "./keys.js";
import * as live from "./live.js";
import * as plots from "./plots.js";
import * as rows from "./rows.js";
import * as theme from "./theme.js";
import * as whatif from "./whatif.js";

rows.index();
feed.index();
fragments.start();
plots.start();
charts.start();
copy.start();
theme.start();
whatif.start();
keys.start(live.pause);
live.start();
