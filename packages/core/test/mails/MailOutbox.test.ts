import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { suite } from "./MailOutboxSuite.ts"

suite("MailOutbox on PGlite", TestDatabase.layerPgLite)
