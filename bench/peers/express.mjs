// The enquiry form as the documentation of Express and Nodemailer has it: no token, no limit, no reference.
import { readFileSync } from "node:fs";
import { env } from "node:process";
import express from "express";
import nodemailer from "nodemailer";
import { inEachProcess, RELAY } from "./harness.mjs";

function serve() {
  const transporter = nodemailer.createTransport({
    ...RELAY,
    pool: env.POOL === "yes",
  });
  const page = readFileSync(env.PAGE, "utf8");
  const app = express();

  app.get("/enquiry/", (_request, response) => response.send(page));
  app.post("/enquiry/", express.urlencoded({ extended: false }), async (request, response) => {
    const { name, phone, email, sector, message } = request.body;
    if (!name || !email || !sector || !message) {
      return response.status(422).send(page);
    }
    await transporter.sendMail({
      from: "website@example.org",
      to: "sales@example.org",
      replyTo: { name, address: email },
      subject: `Enquiry: ${sector}`,
      text: `Name: ${name}\nTelephone: ${phone}\nE-mail: ${email}\nSector: ${sector}\n\n${message}\n`,
    });
    response.redirect(303, "/enquiry/sent/");
  });
  app.listen(Number(env.PORT), "127.0.0.1");
}

inEachProcess(serve);
