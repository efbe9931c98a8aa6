import { requireNode } from "@user-service/runtime/NodeVersion"

requireNode()
// Imported after the check: an older Node cannot load the program.
await import("./Program.ts")
