import { requireNode } from "@user-service/runtime/NodeVersion"

requireNode()
// Not before: the program would not even load on an older Node.
await import("./Program.ts")
