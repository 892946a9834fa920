"""What the build writes: pages, sitemap, feeds, structured data, form.json."""
