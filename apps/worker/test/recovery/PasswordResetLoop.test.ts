import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { suite } from "./PasswordResetLoopSuite.ts"

suite("requests for password resets on PGlite", TestDatabase.layerPgLite, 1)
