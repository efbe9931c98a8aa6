import { consoleConfig } from "./ConsoleConfig.ts"

export default consoleConfig
