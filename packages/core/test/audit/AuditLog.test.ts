import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { suite } from "./AuditLogSuite.ts"

suite("on PGlite", TestDatabase.layerPgLite)
