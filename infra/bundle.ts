import { basename, join, resolve } from "node:path"
import { bundle } from "./AppBundle.ts"

// Builds the bundle of the app in the given folder, by default into the folder `bundle` in it: `node infra/bundle.ts apps/api`. The bundle needs only Node, and starts in a fifth of the time that
// loading its modules one by one takes.

const folder = resolve(process.argv[2] ?? ".")
await bundle({ app: basename(folder), outdir: resolve(process.argv[3] ?? join(folder, "bundle")), portable: true })
