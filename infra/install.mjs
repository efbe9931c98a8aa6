import { install } from "./Installation.mjs"

// Runs before every script of package.json that needs the dependencies.

install()
