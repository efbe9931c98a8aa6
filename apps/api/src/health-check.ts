import { checkHealth } from "@user-service/runtime/HealthCheck"
import process from "node:process"

// The health check of the image: `node health-check.js`, or with another route as its argument.
await checkHealth("PORT", 8000, process.argv[2])
