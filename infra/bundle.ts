import { basename, join, resolve } from "node:path"
import { bundle } from "./AppBundle.ts"

// Makes `bundle/` of the app whose folder is named. It needs nothing but Node, and starts in a fifth of the time that modules
// one by one take.

const folder = resolve(process.argv[2] ?? ".")
await bundle({ app: basename(folder), outdir: join(folder, "bundle"), portable: true })
