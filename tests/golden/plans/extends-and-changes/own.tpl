{{port}}
