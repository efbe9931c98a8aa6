// Writes the boards as JSON for Grafana's provisioning: `npm run boards`, or with another folder as the argument.
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { dashboardOf } from "./Board.ts"
import { accounts } from "./boards/Accounts.ts"
import { deliveries } from "./boards/Deliveries.ts"
import { engines } from "./boards/Engines.ts"
import { overview } from "./boards/Overview.ts"

const [folder = join(import.meta.dirname, "dashboards")] = process.argv.slice(2)
mkdirSync(folder, { recursive: true })
for (const board of [overview, accounts, deliveries, engines]) {
  const name = board.uid.replace("user-service-", "")
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(dashboardOf(board), undefined, 2)}\n`)
}
