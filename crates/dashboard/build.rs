//! Makes sure that the folder of the built web app exists, so that the crate compiles before it was built.

fn main() -> std::io::Result<()> {
    let dist = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/dist");
    std::fs::create_dir_all(&dist)?;
    println!("cargo:rerun-if-changed=../../web/dist");
    Ok(())
}
