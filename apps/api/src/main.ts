import { requireNode } from "@user-service/runtime/NodeVersion"

requireNode()
// Imported after the check, since the program does not load on older versions of Node.
await import("./Program.ts")
