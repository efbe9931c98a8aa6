import { install } from "./Installation.mjs"

// Installs missing dependencies. It runs before every script of package.json that needs them.

install()
