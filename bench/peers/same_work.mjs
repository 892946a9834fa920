// The enquiry form with the same guards as this project, each by the library that people use in Node.
//
// Left out, to Node's advantage: the signs of advertising, the sandbox, the memory shared among processes.
import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { env } from "node:process";
import express from "express";
import rateLimit from "express-rate-limit";
import helmet from "helmet";
import parsePhoneNumber from "libphonenumber-js";
import nodemailer from "nodemailer";
import pino from "pino";
import validator from "validator";
import { inEachProcess, RELAY } from "./harness.mjs";

const SECRET = env.FLASK_SECRET_KEY;
const SECTOR = env.SECTOR;
const STATEMENT = "2026-11-22";
const CONSENT = "Yes, IMQS may send me marketing material by e-mail.";
const LONGEST = { name: 120, phone: 60, email: 254, sector: 200, message: 5000 };
const HOUR = 60 * 60 * 1000;
const DAY = 24 * HOUR;
const MOST_IN_FLIGHT = 256;
const MOST_REMEMBERED = 20_000;

const hmac = (purpose, text) => createHmac("sha256", `${purpose} ${SECRET}`).update(text).digest();
const consentHash = createHash("sha256").update(CONSENT).digest("hex").slice(0, 16);
const today = () => new Date(Date.now() + 2 * HOUR).toISOString().slice(0, 10);

function signed(purpose, text) {
  return `${text}.${hmac(purpose, text).toString("base64url")}`;
}

function readSigned(purpose, posted) {
  const end = posted.lastIndexOf(".");
  const text = posted.slice(0, end);
  const expected = hmac(purpose, text);
  const given = Buffer.from(posted.slice(end + 1), "base64url");
  return end > 0 && given.length === expected.length && timingSafeEqual(given, expected) ? text : null;
}

function issueToken() {
  return signed("token", [Date.now(), STATEMENT, consentHash, randomBytes(9).toString("base64url")].join("~"));
}

function readToken(posted) {
  const [time, statement, consent, lineage] = (readSigned("token", posted.slice(0, 1000)) ?? "").split("~");
  const age = Date.now() - Number(time);
  return statement === STATEMENT && consent === consentHash && age >= 0 && age < DAY ? lineage : null;
}

// Returns the name of the first field that is wrong.
function problem(fields) {
  for (const [name, longest] of Object.entries(LONGEST)) {
    if (typeof fields[name] !== "string" || fields[name].length > longest) {
      return name;
    }
    if (name !== "phone" && validator.isEmpty(fields[name], { ignore_whitespace: true })) {
      return name;
    }
  }
  return (!validator.isEmail(fields.email) && "email") || (fields.sector !== SECTOR && "sector");
}

function international(phone) {
  return parsePhoneNumber(phone, "ZA")?.formatInternational() ?? "";
}

function compose(fields, digest, reference) {
  const now = new Date();
  const local = new Date(now.getTime() + 2 * HOUR).toISOString().slice(0, 16).replace("T", " ");
  const quoted = fields.message.replaceAll("\r\n", "\n").split("\n").map((line) => `  > ${line}`);
  const text = [
    "Message:",
    ...quoted,
    "",
    "From:",
    `  Name: ${fields.name}`,
    `  Telephone: ${fields.phone} (${international(fields.phone)})`,
    `  E-mail: ${fields.email}`,
    `  Sector: ${fields.sector}`,
    "",
    "Marketing:",
    `  Marketing by e-mail: ${fields.marketing === "yes" ? "Yes" : "No"}`,
    "",
    "Record:",
    `  Reference: ${reference}`,
    `  Sent: ${local} (SAST), ${now.toISOString()}`,
    "  Page: https://www.example.org/enquiry/",
    `  Privacy statement shown: version ${STATEMENT}`,
    `  SHA-256 of that version: ${consentHash.repeat(4)}`,
    "",
  ].join("\n");
  return {
    from: { name: "IMQS website", address: "website@example.org" },
    to: "enquiries@example.org",
    replyTo: fields.email,
    envelope: { from: "bounces@example.org", to: "enquiries@example.org" },
    subject: `Enquiry ${reference}: ${fields.sector}`,
    messageId: `<${digest.toString("hex")}@example.org>`,
    headers: { "Auto-Submitted": "auto-generated" },
    textEncoding: "quoted-printable",
    text,
  };
}

// Keyed hashes of delivered messages, and the sending of those in progress, which copies wait for.
const delivered = new Map();
const inProgress = new Map();

async function once(digest, lineage, client, send) {
  const keys = [lineage, client].map((person) => createHash("sha256").update(digest).update(person).digest("hex"));
  if (keys.some((key) => delivered.get(key) > Date.now())) {
    return;
  }
  const earlier = keys.map((key) => inProgress.get(key)).find(Boolean);
  if (earlier) {
    return earlier;
  }
  const sending = send();
  keys.forEach((key) => inProgress.set(key, sending));
  try {
    await sending;
    keys.forEach((key) => delivered.set(key, Date.now() + DAY));
    while (delivered.size > MOST_REMEMBERED) {
      delivered.delete(delivered.keys().next().value);
    }
  } finally {
    keys.forEach((key) => inProgress.delete(key));
  }
}

function serve() {
  const log = pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ dest: 2, sync: true }));
  const transporter = nodemailer.createTransport({
    ...RELAY,
    pool: true,
    maxConnections: 32,
    maxMessages: Infinity,
  });
  const [before, after] = readFileSync(env.PAGE, "utf8").split(env.PLACE_OF_TOKEN);
  const app = express();
  let inFlight = 0;

  const network = (request) => hmac("client", request.ip).toString("hex");
  const limit = (options) => rateLimit({ limit: 100_000_000, legacyHeaders: false, ...options });
  const page = (response, status) => response.status(status).type("html").send(before + issueToken() + after);

  app.disable("etag");
  app.use(helmet());
  app.use((request, response, next) => {
    const began = performance.now();
    response.on("finish", () => {
      const { route, outcome, reference } = response.locals;
      const duration_ms = Math.round(performance.now() - began);
      log.info({ event: "request", route, status: response.statusCode, outcome, reference, duration_ms });
    });
    next();
  });

  app.get("/enquiry/", (_request, response) => {
    Object.assign(response.locals, { route: "enquiry", outcome: "shown" });
    response.set("Cache-Control", "private, no-cache");
    page(response, 200);
  });

  app.post(
    "/enquiry/",
    limit({ windowMs: 60 * 1000, keyGenerator: () => "site" }),
    limit({ windowMs: HOUR, keyGenerator: network }),
    express.urlencoded({ extended: false, limit: 256 * 1024, parameterLimit: 100 }),
    limit({ windowMs: HOUR, keyGenerator: network, skipFailedRequests: true }),
    async (request, response) => {
      response.locals.route = "enquiry";
      response.set("Cache-Control", "no-store");
      if (!["same-origin", "none"].includes(request.get("Sec-Fetch-Site"))) {
        return page(response, 403);
      }
      const fields = request.body;
      const lineage = readToken(fields.token ?? "");
      if (problem(fields) || lineage === null) {
        return page(response, 422);
      }
      const { token: _token, ...answers } = fields;
      const digest = hmac("words", JSON.stringify(["enquiry", answers, today()]));
      const symbols = digest.toString("hex").slice(0, 8).toUpperCase();
      const reference = `${symbols.slice(0, 4)}-${symbols.slice(4)}`;
      response.locals.reference = reference;
      try {
        await once(digest, lineage, network(request), async () => {
          if (inFlight >= MOST_IN_FLIGHT) {
            throw new Error("busy");
          }
          inFlight += 1;
          try {
            await transporter.sendMail(compose(fields, digest, reference));
          } finally {
            inFlight -= 1;
          }
          log.info({ event: "relay", relay: 0, outcome: "delivered", smtp_code: 250 });
        });
      } catch (error) {
        log.info({ event: "relay", relay: 0, outcome: "unreachable", error: error.constructor.name });
        return page(response, 503);
      }
      response.locals.outcome = "delivered";
      response.redirect(303, `/enquiry/sent/?ref=${signed("sent", reference)}`);
    },
  );
  app.listen(Number(env.PORT), "127.0.0.1");
}

inEachProcess(serve);
